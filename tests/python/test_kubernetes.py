"""deploy/kubernetes: the manifests are Kubernetes' own form, fit each other, and name what the program really has."""

import functools
import http.client
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from support.server import ROOT
from support.waiting import eventually

pytestmark = pytest.mark.long
PLACE = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("http", "nginx")


# kustomize puts it behind a ConfigMap's name.
HASH = re.compile(r"-[a-z0-9]{10}$")


@functools.cache
def rendered(overlay):
    """What `kubectl apply -k` would send. kubectl itself says it, and needs no cluster for that."""
    kubectl = Path(sys.executable).parent / "kubectl"
    done = subprocess.run([kubectl, "kustomize", PLACE / "overlays" / overlay], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def built(overlay):
    return list(yaml.safe_load_all(rendered(overlay)))


def one(all_of, kind, name="tidegate"):
    (found,) = (document for document in all_of if document["kind"] == kind and HASH.sub("", document["metadata"]["name"]) == name)
    return found


def settings(all_of):
    """Numbers and addresses of tidegate.toml."""
    text = one(all_of, "ConfigMap")["data"]["tidegate.toml"]
    found = dict(re.findall(r"^([a-z-]+) = (.*)$", text, re.MULTILINE))
    return {name: json.loads(value) for name, value in found.items()}


def pod(all_of):
    return one(all_of, "Deployment")["spec"]["template"]["spec"]


def tidegate(all_of):
    return next(container for container in pod(all_of)["containers"] if container["name"] == "tidegate")


def misfits(all_of):
    """What does not fit something else, each in a sentence."""
    told, spec, container = settings(all_of), pod(all_of), tidegate(all_of)
    allowed, readiness = spec["terminationGracePeriodSeconds"], container["readinessProbe"]
    if told["drain"] + told["grace"] >= allowed:
        yield f"drain {told['drain']} and grace {told['grace']} take all of terminationGracePeriodSeconds {allowed}"
    if readiness["periodSeconds"] * readiness["failureThreshold"] >= told["drain"]:
        yield "the kubelet does not find out within drain that the pod is not ready"
    if told["timeout"] >= told["grace"]:
        yield "a request may take longer than grace"
    if told["queue-timeout"] >= told["timeout"]:
        yield "a request may wait for longer than it may run"
    if "lifecycle" in container:
        yield "a preStop hook's time comes on top of drain"
    containers = [*spec["containers"], *spec.get("initContainers", [])]
    ports = {port["name"]: port["containerPort"] for each in containers for port in each.get("ports", [])}
    if ports["stats"] != int(told["stats"].rpartition(":")[2]):
        yield "stats has another port than the container"
    for service in (document for document in all_of if document["kind"] == "Service"):
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"the service {service['metadata']['name']} leads to no port"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if container[probe]["httpGet"]["port"] not in ports:
            yield f"{probe} asks no port of the container"
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    maps = [document["metadata"]["name"] for document in all_of if document["kind"] == "ConfigMap"]
    for volume in spec["volumes"]:
        if "configMap" in volume and volume["configMap"]["name"] not in maps:
            yield f"the volume {volume['name']} is of no ConfigMap"
    served = variables["TIDEGATE_HTTP"].rpartition(":")[2]
    nginx = [document["data"].get("nginx.conf") for document in all_of if document["kind"] == "ConfigMap"]
    for text in filter(None, nginx):
        served = re.search(r"listen (\d+);", text)[1]
        if f"uwsgi_pass unix:{variables['TIDEGATE_UWSGI']};" not in text:
            yield "nginx passes to another socket"
        if int(re.search(r"uwsgi_read_timeout (\d+)s;", text)[1]) <= told["timeout"]:
            yield "nginx loses patience before Tidegate does"
    if int(served) != ports["http"]:
        yield "the port http is not the one that is served"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_manifests_are_kubernetes_form(overlay):
    kinds = set()
    for document in built(overlay):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
        kinds.add(document["kind"])
    wanted = {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap"}
    assert kinds == wanted


def test_a_wrong_manifest_is_found():
    deployment = one(built("http"), "Deployment")
    pod([deployment])["terminationGracePeriod"] = 45
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_values_fit_each_other(overlay):
    assert list(misfits(built(overlay))) == []


@pytest.mark.parametrize(
    "setting, value, sentence",
    [
        ("grace", 60, "take all of terminationGracePeriodSeconds"),
        ("drain", 20, "take all of terminationGracePeriodSeconds"),
        ("drain", 3, "does not find out within drain"),
        ("timeout", 30, "longer than grace"),
        ("stats", '"0.0.0.0:9192"', "another port"),
    ],
)
def test_a_value_that_does_not_fit_is_found(setting, value, sentence):
    all_of = built("http")
    data = one(all_of, "ConfigMap")["data"]
    data["tidegate.toml"] = re.sub(rf"^{setting} = .*$", f"{setting} = {value}", data["tidegate.toml"], flags=re.MULTILINE)
    assert any(sentence in found for found in misfits(all_of)), list(misfits(all_of))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_locked(overlay):
    spec = pod(built(overlay))
    assert spec["securityContext"]["runAsNonRoot"] and spec["automountServiceAccountToken"] is False
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        locks = container["securityContext"]
        assert locks["readOnlyRootFilesystem"] and not locks["allowPrivilegeEscalation"] and locks["capabilities"] == {"drop": ["ALL"]}
    user = re.search(r"--uid (\d+)", (ROOT / "deploy" / "Containerfile.python").read_text())[1]
    assert spec["securityContext"]["runAsUser"] == int(user)
    assert tidegate(built(overlay))["image"].startswith("tidegate-python:")


def adapter():
    (rule,) = yaml.safe_load((PLACE / "monitoring" / "adapter.yaml").read_text())["rules"]
    return rule


def asked(of):
    """Each query of a dashboard, or of a part of one."""
    for name, value in of.items() if isinstance(of, dict) else enumerate(of):
        if name == "expr":
            yield value
        elif isinstance(value, (dict, list)):
            yield from asked(value)


def test_prometheus_understands_what_it_is_asked():
    import promql_parser

    dashboard = json.loads((PLACE / "monitoring" / "dashboard.json").read_text())
    queries = [query.replace("$__rate_interval", "1m") for query in asked(dashboard)]
    assert len(queries) >= len(dashboard["panels"]) > 5
    queries.append(adapter()["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", 'namespace="shop"'))
    for query in queries:
        promql_parser.parse(query)


def named_metrics():
    """Each of our metrics in a query, with where it stands."""
    texts = {path.name: path.read_text() for path in (PLACE / "monitoring").iterdir()}
    for name, text in texts.items():
        for metric in re.findall(r"\btidegate_\w+", text):
            if metric != "tidegate_threads_busy_share":
                yield name, metric


def test_what_they_name_is_there(start, tmp_path):
    """The server with the ConfigMap's own file tells what probes, the autoscaler and the dashboard ask for."""
    all_of = built("http")
    text = one(all_of, "ConfigMap")["data"]["tidegate.toml"]
    (tmp_path / "myproject").mkdir()
    (tmp_path / "myproject" / "wsgi.py").write_text("def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n")
    config = tmp_path / "tidegate.toml"
    config.write_text(text.replace("0.0.0.0:9191", "127.0.0.1:0"))
    server = start(f"--config={config}", "--http=127.0.0.1:0")
    stats = re.search(r"statistics at ([\d.:]+),", server.log())[1]

    def get(path):
        def answer():
            try:
                with urllib.request.urlopen(f"http://{stats}{path}", timeout=30) as response:
                    return response.read().decode()
            except http.client.BadStatusLine:
                # A busy machine has sent it so late that it was taken for a reader that says nothing.
                return None

        return eventually("an answer in HTTP", answer)

    container = tidegate(all_of)
    assert get(container["readinessProbe"]["httpGet"]["path"]).startswith("ready: 2 of 2")
    assert get(container["startupProbe"]["httpGet"]["path"]).startswith("ready")
    assert get(container["livenessProbe"]["httpGet"]["path"]).startswith("live")
    metrics = get(one(all_of, "Deployment")["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"])
    series = set(re.findall(r"^# TYPE (\w+)", metrics, re.MULTILINE))
    named = list(named_metrics())
    assert len(named) > 15
    for place, metric in named:
        assert re.sub(r"_(bucket|sum|count)$", "", metric) in series | {metric} & series, f"{place}: there is no {metric}"
    for state in ("busy", "late", "idle"):
        assert f'state="{state}"' in metrics
    autoscaler = one(all_of, "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert adapter()["name"]["as"] == next(metric["pods"]["metric"]["name"] for metric in autoscaler if metric["type"] == "Pods")


def test_nginx_takes_its_file(tmp_path):
    """As the sidecar gets it, but for folders and the socket."""
    text = one(built("nginx"), "ConfigMap", "tidegate-nginx")["data"]["nginx.conf"]
    for name in ("uwsgi_params",):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "mime.types").write_text("types { text/css css; }\n")
    (tmp_path / "nginx.conf").write_text(text.replace("/tmp/", f"{tmp_path}/"))
    done = subprocess.run(["nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
