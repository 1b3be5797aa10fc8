"""An application that cannot be had: words on stderr, exit status 1; or 500 with --need-app false."""

import functools
import signal

import pytest

from support.server import Client
from support.waiting import eventually

CANNOT = {
    "syntax error": (
        "tide",
        {"tide.py": "def application(:"},
        ["SyntaxError", "tide.py", "def application(:"],
    ),
    "raises": (
        "tide",
        {"tide.py": "def deep():\n    1 / 0\ndeep()"},
        ["Traceback", "in deep", "ZeroDivisionError"],
    ),
    "imports what is not there": (
        "tide",
        {"tide.py": "import no_such_sea"},
        ["Traceback", "No module named 'no_such_sea'"],
    ),
    "no such module": ("no_such_tide", {}, ["no_such_tide"]),
    "no such submodule": ("sea.no_such_tide", {"sea/__init__.py": ""}, ["sea.no_such_tide"]),
    "no such file": ("./no_such_tide.py", {}, ["no_such_tide.py"]),
    "no callable": ("tide", {"tide.py": "x = 1"}, ["application", "app", "tide"]),
    "no such callable": ("tide:mine", {"tide.py": "application = print"}, ["mine", "tide"]),
    "not callable": ("tide:mine", {"tide.py": "mine = 5"}, ["mine", "callable"]),
    "a factory that fails": (
        "tide:make()",
        {"tide.py": "def make():\n    1 / 0"},
        ["Traceback", "in make", "ZeroDivisionError"],
    ),
    "a factory that makes nothing": (
        "tide:make()",
        {"tide.py": "def make():\n    pass"},
        ["make", "callable"],
    ),
    "a factory that wants more": (
        "tide:make()",
        {"tide.py": "def make(x):\n    pass"},
        ["TypeError", "make"],
    ),
    "no literals": ("tide:make(open)", {"tide.py": "make = print"}, ["make(open)"]),
    "not closed": ("tide:make(", {"tide.py": "make = print"}, ["make("]),
    "an expression": ("tide:make().x", {"tide.py": "make = print"}, ["make().x"]),
    "exits": ("tide", {"tide.py": "import sys\nsys.exit('no tide today')"}, ["no tide today"]),
    "null bytes": ("tide", {"tide.py": "x = '\0'"}, ["Error"]),
    "relative import without a package": (
        "tide",
        {"tide.py": "from . import sea"},
        ["ImportError", "relative import"],
    ),
    "asgi": (
        "tide",
        {"tide.py": "async def application(scope, receive, send):\n    pass"},
        ["tide is an ASGI application", "a2wsgi"],
    ),
    "async": (
        "tide",
        {"tide.py": "async def application(environ, start_response):\n    return []"},
        ["tide is a coroutine function"],
    ),
    "asgi, a class": (
        "tide:mine",
        {"tide.py": "class App:\n    async def __call__(self, scope, receive, send):\n        pass\nmine = App()"},
        ["tide:mine is an ASGI application"],
    ),
    "asgi, wrapped": (
        "tide",
        {"tide.py": "def application(scope, receive, send):\n    pass"},
        ["tide is an ASGI application"],
    ),
    "broken repr": (
        "tide",
        {"tide.py": "class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E"},
        ["Traceback", "E"],
    ),
}


@pytest.fixture(params=[0, 1], ids=["in-one-process", "in-a-worker"])
def launch(launch, request):
    """Each test runs in the command's own process, and in a worker of the master."""
    return functools.partial(launch, workers=request.param)


@pytest.mark.parametrize("case", CANNOT)
def test_it_ends_with_status_1(case, launch, folder):
    """It says what is wrong, and listens nowhere."""
    app, files, words = CANNOT[case]
    folder(files)
    server = launch(app)
    assert server.wait() == 1, server.log()
    for word in words:
        assert word in server.log(), (word, server.log())
    assert "panicked" not in server.log()
    assert server.banner() is None


@pytest.mark.parametrize(
    "case", ["syntax error", "raises", "no such module", "no callable", "a factory that fails"]
)
@pytest.mark.parametrize("form", ["--need-app=false", "--need-app false"])
def test_need_app_false_serves_500(case, form, launch, folder):
    """The words are in the log once, at the start; each request is a 500."""
    app, files, words = CANNOT[case]
    folder(files)
    server = launch(app, *form.split(), listeners=["http", "uwsgi"]).wait_until_it_listens()
    for word in words:
        assert word in server.log(), (word, server.log())
    told = server.log().count(words[0])
    for scheme in ("http", "uwsgi"):
        response = Client(server, scheme).get("/path")
        assert response.status == "500 Internal Server Error"
        for word in ("Traceback", "Error:", app):
            assert word.encode() not in response.body
    assert server.log().count(words[0]) == told
    assert server.log().count("every request is answered with 500") == 1
    assert server.stop() == 0


def test_need_app_true_is_the_default(launch, folder):
    """And may be said."""
    folder({"tide.py": "1 / 0"})
    assert launch("tide", "--need-app=true").wait() == 1


def test_need_app_false_changes_nothing_of_one_that_loads(start, folder):
    """It is served."""

    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"loaded"]

    folder({"tide.py": application})
    assert start("tide", "--need-app=false").listeners["http"].ask("GET", "/").body == b"loaded"


def test_the_traceback_is_the_applications_alone(launch, folder):
    """As Python would show it: no line of the server's, no importlib."""
    folder({"tide.py": "import words", "words.py": "1 / 0"})
    server = launch("tide")
    assert server.wait() == 1
    files = [line.split('"')[1] for line in server.log().splitlines() if line.strip().startswith('File "')]
    assert [file.rpartition("/")[2] for file in files] == ["tide.py", "words.py"], server.log()


@pytest.mark.parametrize(
    "case, want",
    [("syntax error", "cannot load tide:"), ("raises", "cannot load tide:"), ("no such module", "there is no module")],
)
def test_the_name_comes_first_and_no_frame_is_the_servers(case, want, launch, folder):
    """What is wrong stands at the beginning, and where a module was looked for."""
    app, files, _ = CANNOT[case]
    path = folder(files)
    server = launch(app)
    assert server.wait() == 1
    assert f"tidegate: {want}" in server.log(), server.log()
    assert "_loader.py" not in server.log() and "importlib" not in server.log()
    if case == "no such module":
        assert f"\n    {path}\n" in server.log()


def test_what_takes_two_or_more_is_no_asgi(start, folder):
    """WSGI middleware takes what it is given."""

    def application(*args, **kwargs):
        environ, start_response = args
        start_response("200 OK", [])
        return [b"loaded"]

    folder({"tide.py": application})
    assert start("tide").listeners["http"].ask("GET", "/").body == b"loaded"


def test_what_is_wrong_with_the_options_is_a_usage_error(launch):
    """Exit status 2, as for every option."""
    for options in (["--env=NOVALUE"], ["--env==x"], ["--need-app=perhaps"], ["--no-such-option"]):
        server = launch("hello", *options)
        assert server.wait() == 2, (options, server.log())
        assert options[0].split("=")[0] in server.log()


def test_a_folder_that_is_not_there(launch):
    """--chdir says which."""
    server = launch("hello", "--chdir=/no/such/folder")
    assert server.wait() in (1, 2)
    assert "/no/such/folder" in server.log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_while_it_is_imported(number, launch, folder, tmp_path):
    """Ends it, as it ends any Python program; a master ends well, for it has nothing to lose. It never serves."""
    folder({"tide.py": "import time\nopen('begun', 'w').close()\ntime.sleep(60)"})
    server = launch("tide")
    eventually("the import has begun", (tmp_path / "begun").exists)
    server.signal(number)
    assert server.wait() == (0 if "--workers=1" in server.process.args else -number)
    assert server.banner() is None


def test_what_it_has_begun_goes_on(launch, folder, tmp_path):
    """A thread that the module has started before it failed runs while the server waits."""
    ticking = """
import threading, time

def tick():
    with open("ticks", "ab", buffering=0) as file:
        while True:
            file.write(b".")
            time.sleep(0.01)

threading.Thread(target=tick, daemon=True).start()
1 / 0
"""
    folder({"tide.py": ticking})
    server = launch("tide", "--need-app=false").wait_until_it_listens()
    assert server.listeners["http"].ask("GET", "/").status == "500 Internal Server Error"
    ticks = tmp_path / "ticks"
    # With the GIL kept it had one for each time that the interpreter looks around.
    eventually("it ticks", lambda: ticks.exists() and ticks.stat().st_size > 100, patience=10)
    assert server.stop() == 0
