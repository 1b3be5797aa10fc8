"""What must hold for the images, each as a user of theirs runs it."""

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from podman import ROOT, Container

PATIENCE = 60
LOCKED = ("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges")
# It tells whose rights it has, and where it can write.
APP = """import json, os


def writes(folder):
    try:
        with open(f"{folder}/probe", "w"):
            return True
    except OSError:
        return False


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    told = {"uid": os.getuid(), "gid": os.getgid(), "writes": [at for at in ("/", "/srv/app", "/usr", "/tmp") if writes(at)]}
    return [json.dumps(told).encode()]
"""


def the_static_one_serves():
    """Nothing but one program, with no rights, and one folder to write to."""
    stats = ("--env", "TIDEGATE_STATS=0.0.0.0:9191", "--env", "TIDEGATE_DRAIN=60", "--env", "TIDEGATE_BODY_MEMORY=1m")
    with Container("tidegate", options=(*LOCKED, *stats)) as container:
        eventually(container, "ready", lambda: get(container, 9191, "/ready")[0] == 200)
        assert get(container, 8080, "/hello") == (200, b"Hello, World\n")
        # More than a worker keeps in memory.
        body = b"x" * (8 << 20)
        assert get(container, 8080, "/echo", body)[1].endswith(body)
        assert re.search(rb"\ntidegate_request_body_files_total\S* [1-9]", get(container, 9191, "/metrics")[1])
        assert {user for user, _ in container.processes()} == {"65532"}, container.processes()
        leaves(container)


def the_python_one_is_what_the_manifests_name():
    """The Deployment's own container: its words, variables, locks, probes and settings."""
    kubectl = Path(sys.executable).parent / "kubectl"
    rendered = subprocess.run([kubectl, "kustomize", ROOT / "deploy/kubernetes/overlays/http"], check=True, capture_output=True)
    by_kind = {document["kind"]: document for document in yaml.safe_load_all(rendered.stdout)}
    pod, files = by_kind["Deployment"]["spec"]["template"]["spec"], by_kind["ConfigMap"]["data"]
    (spec,), user = pod["containers"], pod["securityContext"]
    with tempfile.TemporaryDirectory() as folder:
        for place, text in [("myproject/wsgi.py", APP)] + [(f"settings/{name}", text) for name, text in files.items()]:
            path = Path(folder, place)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        Path(folder).chmod(0o755)
        options = [*LOCKED, "--user", f"{user['runAsUser']}:{user['runAsGroup']}"]
        options += [word for variable in spec["env"] for word in ("--env", f"{variable['name']}={variable['value']}")]
        options += ["--volume", f"{folder}/settings:/etc/tidegate:ro", "--volume", f"{folder}/myproject:/srv/app/myproject:ro"]
        with Container(spec["image"], *spec["args"], options=options) as container:
            probed = {name: spec[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
            for path in probed.values():
                eventually(container, path, lambda path=path: get(container, 9191, path)[0] == 200)
            told = json.loads(get(container, 8080, "/")[1])
            assert told == {"uid": user["runAsUser"], "gid": user["runAsGroup"], "writes": ["/tmp"]}, told
            leaves(container)


def a_project_is_built_upon_it():
    """examples/compose: Django, its own settings, a unix socket and no port."""
    secret = ("--env", "DJANGO_SECRET_KEY=of-a-test", "--env", "DJANGO_ALLOWED_HOSTS=localhost")
    with Container("tidegate-example", options=(*LOCKED, *secret, "--volume", "/srv/data", "--volume", "/run/tidegate"), ports=()) as container:
        ask = ("tidegate", "request", "--fail", "-H", "Host: localhost", "/run/tidegate/uwsgi.sock", "/accounts/login/")
        eventually(container, "the login page", lambda: "csrfmiddlewaretoken" in container.said(*ask))
        container.signal("TERM")
        eventually(container, "its end", lambda: container.status() is not None)
        assert container.status() == 0


def leaves(container):
    """It drains, as when Kubernetes ends it: not ready any more, and answers all the same. Another SIGTERM skips the rest."""
    container.signal("TERM")
    eventually(container, "not ready", lambda: get(container, 9191, "/ready")[0] == 503)
    assert get(container, 8080, "/hello")[0] == 200 and container.status() is None
    container.signal("TERM")
    eventually(container, "its end", lambda: container.status() is not None)
    assert container.status() == 0, container.log()


def get(container, port, path, body=None):
    try:
        with urllib.request.urlopen(f"http://{container.address(port)}{path}", body, timeout=PATIENCE) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return None, str(error)


def eventually(container, what, is_so):
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until, f"in {PATIENCE} s it never came to this: {what}\n{container.log()}"
        time.sleep(0.05)


ALL = (the_static_one_serves, the_python_one_is_what_the_manifests_name, a_project_is_built_upon_it)
