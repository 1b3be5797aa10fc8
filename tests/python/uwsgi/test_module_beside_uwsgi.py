"""The modules beside uWSGI's own: the same application and configuration under both."""

import ast
import sys
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from support.configured import ByUwsgi
from support.server import Client

pytestmark = pytest.mark.long

TOLD = """
import os, sys, uwsgi
from urllib.parse import unquote_plus

loaded_by = uwsgi.worker_id()

def untold(module, names):
    module, untold = __import__(module), []
    for name in names:
        try:
            getattr(module, name)
        except AttributeError as error:
            if " is not here. It was " not in str(error):
                untold.append((name, str(error)))
    return untold

def application(environ, start_response):
    value = eval(unquote_plus(environ["QUERY_STRING"]), globals(), {"environ": environ})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(value).encode()]
"""

LINES = [
    "module = app",
    "master = true",
    "processes = 2",
    "threads = 2",
    "enable-threads = true",
    "py-call-uwsgi-fork-hooks = true",
    "locks = 2",
    "pythonpath = /one",
    "pythonpath = /two",
    "set-placeholder = name=value",
    "pyargv = --site tide",
]


@pytest.fixture
def both(configured, folder, tmp_path):
    """`both(*lines)` starts the two, and `asked(expression)` is what each answers: ours and uWSGI's."""
    servers = []

    def start(*lines):
        folder({"app.py": TOLD})
        servers.append(ByUwsgi(tmp_path, lines).wait_until_it_listens())
        theirs, ours = servers[-1], configured(*lines)

        def asked(expression):
            return [answer(server, expression) for server in (ours, theirs)]

        return asked

    yield start
    for server in servers:
        server.kill()


def answer(server, expression):
    response = Client(server, "http").get("/?" + quote_plus(expression))
    assert response.status == "200 OK", server.log()
    return eval(response.body.decode())


@pytest.mark.parametrize("lazy", ["true", "false"])
def test_values_and_what_functions_return(lazy, both):
    """The same, or of the same type where it is another process's."""
    asked = both(*LINES, f"lazy-apps = {lazy}")
    for expression in [
        "uwsgi.version",
        "uwsgi.version_info",
        "uwsgi.numproc",
        "uwsgi.cores",
        "uwsgi.has_threads",
        "uwsgi.hostname",
        "uwsgi.loop",
        "uwsgi.unbit",
        "uwsgi.is_a_reload",
        "uwsgi.mule_id()",
        "uwsgi.i_am_the_spooler()",
        "uwsgi.in_farm('x')",
        "uwsgi.ready()",
        "uwsgi.is_locked(2)",
        "[uwsgi.lock(1), uwsgi.is_locked(1), uwsgi.unlock(1), uwsgi.is_locked(1), uwsgi.unlock(1)]",
        "[uwsgi.set_logvar('a', 'b'), uwsgi.get_logvar('a'), uwsgi.get_logvar('none')]",
        "uwsgi.is_connected(uwsgi.connection_fd())",
        "uwsgi.log('a line')",
        "uwsgi.log_this_request()",
        "uwsgi.setprocname('tide')",
        "uwsgi.masterpid() == os.getppid()",
        "loaded_by > 0",
        "sys.argv",
        "[environ['uwsgi.version'], environ['uwsgi.node']]",
        "list(uwsgi.workers()[0])",
        "list(uwsgi.workers()[0]['apps'][0])",
        "{key: type(value).__name__ for key, value in uwsgi.workers()[0].items()}",
        "{key: type(value).__name__ for key, value in uwsgi.workers()[0]['apps'][0].items()}",
        "[type(value).__name__ for value in [uwsgi.mem(), *uwsgi.mem(), uwsgi.micros(), uwsgi.started_on]]",
        "[type(value).__name__ for value in [uwsgi.request_id(), uwsgi.total_requests(), uwsgi.logsize()]]",
    ]:
        ours, theirs = asked(expression)
        assert ours == theirs, expression


def test_the_options(both):
    """`uwsgi.opt` has what the configuration says, and nothing else that it does not say."""
    asked = both(*LINES)
    ours, theirs = asked("{name: value for name, value in uwsgi.opt.items() if name != 'ini'}")
    assert ours == theirs and len(ours) > 10


def test_every_name_is_here_or_answered(both):
    """What uWSGI's modules have is here, or says what it was."""
    asked = both(*LINES)
    _, names = asked("[name for name in dir(uwsgi) if not name.startswith('__')]")
    assert len(names) > 80
    source = next(Path(sys.prefix, "lib").glob("python*/site-packages/uwsgidecorators.py")).read_text()
    decorators = [
        node.name for node in ast.parse(source).body if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name[0] != "_"
    ]
    assert "postfork" in decorators and "timer" in decorators
    for module, all_names in [("uwsgi", names), ("uwsgidecorators", decorators)]:
        # A few at a time: uWSGI takes requests of 4 KiB.
        for at in range(0, len(all_names), 50):
            told, _ = asked(f"untold({module!r}, {all_names[at:at + 50]!r})")
            assert told == [], module
