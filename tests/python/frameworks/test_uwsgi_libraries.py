"""Libraries that ask `import uwsgi` for their server, as their own documentation has it: sentry-sdk, prometheus_client, OpenTelemetry."""

import http.server
import os
import threading
from collections import Counter

import pytest

from support.configured import Configured
from support.server import Client
from support.waiting import eventually

LAZY = pytest.mark.parametrize("lazy", [True, False], ids=["lazy", "loaded-before-the-fork"])


@pytest.fixture
def configured(tmp_path):
    """Starts `tidegate uwsgi` with two workers for the source of an application."""
    servers = []

    def start(source, lazy, *lines, **how):
        (tmp_path / "app.py").write_text(source)
        lines = ["module = app", "master = true", "processes = 2", f"lazy-apps = {str(lazy).lower()}", *lines]
        server = Configured(tmp_path, lines, **how)
        servers.append(server)
        return server.wait_until_it_listens()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def collector():
    """Takes what is posted to it; `bodies` has it."""
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.bodies = bodies
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


SENTRY = """
import os, sentry_sdk, warnings
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

with warnings.catch_warnings():
    # That threads are not enabled, or that there are no hooks at a fork.
    warnings.simplefilter("error")
    sentry_sdk.init(os.environ["TIDE_DSN"], default_integrations=False, send_client_reports=False, _experiments={})

def app(environ, start_response):
    raise RuntimeError("low tide")

application = SentryWsgiMiddleware(app)
"""


@LAZY
def test_sentry_sends_what_a_worker_raises(lazy, configured, collector):
    """By a thread of its own, which it begins only where `uwsgi.opt` says that threads go on, after a fork too."""
    port = collector.server_address[1]
    server = configured(SENTRY, lazy, environment={"TIDE_DSN": f"http://key@127.0.0.1:{port}/1", "SENTRY_DEBUG": "0"}.items())
    assert Client(server, "http").get("/").status == "500 Internal Server Error"
    eventually("the event", lambda: any(b"low tide" in body or body[:2] == b"\x1f\x8b" for body in collector.bodies))


PROMETHEUS = """
import os, time, uwsgi
from prometheus_client import CollectorRegistry, generate_latest, multiprocess, values

values.ValueClass = values.MultiProcessValue(uwsgi.worker_id)

from prometheus_client import Counter

ASKED = Counter("asked", "Requests")

def application(environ, start_response):
    ASKED.inc()
    time.sleep(0.02)
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/metrics":
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return [generate_latest(registry)]
    return [str(uwsgi.worker_id()).encode()]
"""


@LAZY
def test_prometheus_has_a_file_for_each_worker(lazy, configured, tmp_path):
    """By its number, which its successor has too."""
    (tmp_path / "figures").mkdir()
    server = configured(PROMETHEUS, lazy, environment={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "figures")}.items())
    client, seen = Client(server, "http"), Counter()

    def both():
        # Several at once, which one worker alone does not take.
        for asked in [client.send("GET", "/") for _ in range(8)]:
            with asked:
                seen[asked.response().body] += 1
        return seen[b"1"] and seen[b"2"]

    eventually("an answer of each", both)
    told = client.get("/metrics").body.decode()
    assert f"asked_total {sum(seen.values()) + 1}.0" in told
    files = {name for name in os.listdir(tmp_path / "figures") if os.path.getsize(tmp_path / "figures" / name)}
    assert {"counter_1.db", "counter_2.db"} <= files


OPENTELEMETRY = """
import uwsgi
from opentelemetry import trace
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from uwsgidecorators import postfork

@postfork
def init_tracing():
    resource = Resource.create({"worker": uwsgi.worker_id()})
    provider = TracerProvider(resource=resource)
    out = open(f"spans-{uwsgi.worker_id()}", "a", buffering=1)
    provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(out=out), schedule_delay_millis=50))
    trace.set_tracer_provider(provider)

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(uwsgi.worker_id()).encode()]

application = OpenTelemetryMiddleware(app)
"""


@LAZY
def test_opentelemetry_begins_in_each_worker(lazy, configured, tmp_path):
    """By @postfork, as its documentation of servers that fork has it."""
    server = configured(OPENTELEMETRY, lazy)
    worker = Client(server, "http").get("/tide").body.decode()
    spans = tmp_path / f"spans-{worker}"
    eventually("the span", lambda: "/tide" in spans.read_text())
    assert f'"worker": {worker}' in spans.read_text()
