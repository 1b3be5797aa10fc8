"""Several applications in one server, each below a prefix of its own (--mount)."""

import json
import signal

import pytest

from support.server import Client
from support.waiting import eventually

# Says where it is, and how often its module was loaded in this process.
TOLD = """
import json, os
with open(os.environ["TIDE_LOADS"], "a") as loads:
    loads.write(f"{__name__} {os.getpid()}\\n")

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    keys = ["SCRIPT_NAME", "PATH_INFO", "wsgi.multithread", "wsgi.multiprocess"]
    told = {key: environ[key] for key in keys}
    return [json.dumps({"name": __name__, "version": VERSION, **told}).encode()]

def make(version):
    def made(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"name": version, "PATH_INFO": environ["PATH_INFO"]}).encode()]
    return made

VERSION = 1
"""


@pytest.fixture
def mounted(start, folder, tmp_path):
    """`mounted(*options)` serves `site` at /, `api` at /api, and what a factory makes at /api/made."""
    folder({"site_app.py": TOLD, "api_app.py": TOLD})

    def mounted(*options, **how):
        mounts = ("--mount=/api=api_app", "--mount=/api/made=api_app:make('tide')")
        environment = {"TIDE_LOADS": str(tmp_path / "loads")}
        return start("site_app", *mounts, *options, environment=environment, **how)

    return mounted


def told(server, path, scheme="http", **variables):
    response = Client(server, scheme).get(path, **variables)
    assert response.status == "200 OK", response
    return json.loads(response.body)


def test_paths_and_prefixes(mounted, scheme):
    """PEP 3333: SCRIPT_NAME is what leads to the application, and may be empty; PATH_INFO what is left."""
    server = mounted(listeners=(scheme,))
    for path, name, script_name, path_info in [
        ("/", "site_app", "", "/"),
        ("/apis/x", "site_app", "", "/apis/x"),
        ("/api", "api_app", "/api", ""),
        ("/api/", "api_app", "/api", "/"),
        ("/api/a%20b", "api_app", "/api", "/a b"),
        ("/api/madeira", "api_app", "/api", "/madeira"),
    ]:
        got = told(server, path, scheme)
        assert (got["name"], got["SCRIPT_NAME"], got["PATH_INFO"]) == (name, script_name, path_info), path
    assert told(server, "/api/made/x", scheme) == {"name": "tide", "PATH_INFO": "/x"}


def test_a_front_end_s_own_prefix(mounted):
    """nginx's SCRIPT_NAME goes before the mount's; or is the mount itself."""
    server = mounted(listeners=("uwsgi", "fastcgi", "scgi"))
    for scheme in server.listeners:
        for script_name, path, name, then in [
            ("/site", "/x", "site_app", ("/site", "/x")),
            ("/site", "/api/x", "api_app", ("/site/api", "/x")),
            ("/api", "/x", "api_app", ("/api", "/x")),
        ]:
            got = told(server, path, scheme, SCRIPT_NAME=script_name)
            assert (got["name"], (got["SCRIPT_NAME"], got["PATH_INFO"])) == (name, then), (scheme, script_name)


@pytest.mark.parametrize(
    "options",
    [("--workers=0",), ("--threads=1",), ("--threads=4", "--workers=2"), ("--threads=2", "--workers=2", "--preload")],
    ids=" ".join,
)
def test_each_is_loaded_once(mounted, options, tmp_path):
    """In each process, however many threads call it; and each knows of threads and processes."""
    server = mounted(*options)
    for path, name in [("/", "site_app"), ("/api", "api_app")] * 20:
        got = told(server, path)
        threads = next((option for option in options if option.startswith("--threads=")), "--threads=1")
        several = "--workers=2" in options
        assert (got["name"], got["wsgi.multithread"], got["wsgi.multiprocess"]) == (
            name,
            threads != "--threads=1",
            several,
        )
    loads = (tmp_path / "loads").read_text().splitlines()
    assert len(loads) == len(set(loads)), loads
    processes = 2 if "--workers=2" in options and "--preload" not in options else 1
    assert len(loads) == 2 * processes, loads


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["in-workers", "preloaded"])
def test_a_reload_takes_all_of_them(mounted, options, tmp_path):
    """The new code of each, in the same process where the master has loaded it."""
    server = mounted("--workers=2", *options)
    for name in ("site_app", "api_app"):
        (tmp_path / f"{name}.py").write_text(TOLD.replace("VERSION = 1", "VERSION = 2222"))
    server.signal(signal.SIGHUP)
    for path in ("/", "/api"):
        eventually("the new code", lambda path=path: told(server, path)["version"] == 2222)
    server.logged("the new code serves", level="INFO")
    assert not server.has_ended()


def test_the_mount_that_does_not_load_is_named(launch, folder):
    """And none of the others is served, unless --need-app is false."""
    folder({"site_app.py": "from hello import application", "hello.py": "def application(*_): pass", "bad.py": "1 / 0"})
    server = launch("site_app", "--mount=/good=site_app", "--mount=/bad=bad")
    assert server.wait() == 1
    assert "--mount /bad=bad: cannot load bad:" in server.log() and "ZeroDivisionError" in server.log()
    server.ignore_log()


def test_the_others_serve_where_one_does_not_load(start, folder):
    """With --need-app false; on threads too."""
    answers = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"good"]
"""
    folder({"good.py": answers, "bad.py": "1 / 0"})
    server = start("good", "--mount=/bad=bad", "--need-app=false", "--threads=2")
    client = Client(server, "http")
    for _ in range(10):
        assert client.get("/").body == b"good"
        assert client.get("/bad").status.startswith("500")
    server.ignore_log()
    assert "/bad=bad: every request is answered with 500: cannot load bad:" in server.log()


def test_a_warm_up_goes_to_the_mount(launch, folder):
    """Its application answers, as it would a client; what fails there serves nobody."""
    folder(
        {
            "good.py": "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'']",
            "bad.py": "def application(environ, start_response):\n    raise ValueError(environ['SCRIPT_NAME'])",
        }
    )
    server = launch("good", "--mount=/bad=bad", "--warm-up=/x", "--warm-up=/bad/x", "--workers=0")
    assert server.wait() == 1
    assert "--warm-up /x: answered with 200" in server.log()
    assert "--warm-up /bad/x: the application fails" in server.log() and "ValueError: /bad" in server.log()
    server.ignore_log()
