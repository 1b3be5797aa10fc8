"""Servers for the tests: each test has its own, on free ports and in a folder of its own."""

import shutil
import signal
import tempfile
from pathlib import Path

import pytest

pytest.register_assert_rewrite("support")

from support.gate import Gate
from support.server import APPLICATIONS, TIDEGATE, Client, Server
from support.source import module


def pytest_configure(config):
    """The tests are for the installed command; without it each would fail in its own words."""
    # A shell has what it starts in the background ignore Ctrl-C, and so would have what is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "long: takes many seconds; run with one CPython only")
    if not TIDEGATE.exists():
        raise pytest.UsageError(f"{TIDEGATE} is missing: install the project there (make unit does)")


@pytest.fixture(params=["uwsgi", "http"])
def scheme(request):
    """The listener of this run: each test that has it runs once for each."""
    return request.param


# What holds however many threads the application has: each test of these runs once for each.
ANY_THREADS = {
    "test_call",
    "test_chunks",
    "test_close",
    "test_content_length",
    "test_disconnected",
    "test_environ",
    "test_exceptions",
    "test_file_wrapper",
    "test_forks",
    "test_input",
    "test_lifecycle",
    "test_no_body",
    "test_reload",
    "test_start_response",
    "test_validator",
    "test_workers",
    "test_write",
    "test_wsgi_errors",
}


def pytest_generate_tests(metafunc):
    """Runs each test of those once for each."""
    if metafunc.module.__name__ in ANY_THREADS and "any_threads" in metafunc.fixturenames:
        several = pytest.param(4, marks=pytest.mark.long)  # With one CPython only.
        metafunc.parametrize("any_threads", [1, several], ids=["1-thread", "4-threads"], indirect=True)


@pytest.fixture
def any_threads(request):
    """How many threads the application has where the test gives no --threads."""
    return getattr(request, "param", 1)


@pytest.fixture
def launch(tmp_path, any_threads):
    """`launch(app, *options, …)` starts a server that may never serve; it is killed at the end."""
    servers = []

    def launch(app, *options, folder=tmp_path, **how):
        if any_threads > 1 and not any(option.startswith("--threads") for option in options):
            options = [f"--threads={any_threads}", *options]
        server = Server(folder, app, *options, **how)
        servers.append(server)
        return server

    yield launch
    for server in servers:
        server.kill()


@pytest.fixture
def start(launch):
    """`start(app, *options, …)` starts a server that serves, and must have ended well when the test is over."""
    servers = []

    def start(app, *options, **how):
        server = launch(app, *options, **how).wait_until_it_listens()
        servers.append(server)
        return server

    yield start
    for server in servers:
        if not server.has_ended():
            assert server.stop() == 0, f"it ended with {server.process.returncode}:\n{server.log()[-5000:]}"
        server.assert_nothing_unexpected()


@pytest.fixture
def serve(start, scheme, tmp_path):
    """`serve(application, …)` serves the function of this name that the test has written; returns a client.

    The source of each argument, a function, a class or text, becomes a line of the module that is served; so it
    sees nothing of the test that is around it.
    """

    def serve(*parts, options=(), listeners=(scheme,), **how):
        (tmp_path / "app.py").write_text(module(*parts), encoding="utf-8")
        return Client(start("app", *options, listeners=listeners, **how), scheme)

    return serve


@pytest.fixture
def socket_path():
    """Of a unix socket, whose path must be short."""
    folder = tempfile.mkdtemp(prefix="tide")
    yield Path(folder) / "s"
    shutil.rmtree(folder)


@pytest.fixture(params=[1, 4], ids=["1-thread", "4-threads"])
def threads(request):
    """How many threads the application has: each test that has it runs once for each."""
    return request.param


@pytest.fixture
def threaded(serve, scheme, threads, socket_path):
    """`serve`, with so many threads, on a unix socket: it holds little, so a reader that is slow is soon felt."""

    def threaded(*parts, options=(), **how):
        if threads > 1:
            options = [f"--threads={threads}", *options]
        return serve(*parts, options=options, listeners={scheme: str(socket_path)}, **how)

    return threaded


@pytest.fixture
def gate(tmp_path):
    """Where calls of the application wait until the test lets them go."""
    gate = Gate(tmp_path)
    yield gate
    gate.close()


@pytest.fixture
def folder(tmp_path):
    """A folder of modules: `folder({"name.py": "source"})`, or functions instead of the source."""

    def write(files):
        for name, parts in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            parts = parts if isinstance(parts, (list, tuple)) else [parts]
            path.write_text(module(*parts), encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def applications():
    """Where the applications are that are kept as files."""
    return APPLICATIONS
