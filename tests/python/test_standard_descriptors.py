"""stdin, stdout and stderr that are closed: before the start, at the import, in a call. No connection gets their numbers."""

import os
import re
import signal

import pytest

from support.remote import Remote
from support.server import TIDEGATE
from support.waiting import eventually

APPLICATION = """
import os, sys

def close(numbers):
    for number in numbers:
        try:
            os.close(int(number))
        except OSError:
            pass

if os.environ.get("CLOSED"):
    close(os.environ["CLOSED"])

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/close":
        close(environ["QUERY_STRING"])
    elif path == "/numbers":
        start_response("200 OK", [])
        return [" ".join(os.readlink(f"/proc/self/fd/{n}") for n in "012").encode()]
    elif path == "/raises":
        raise ValueError("as was asked for")
    else:
        for stream in (sys.stdout, sys.stderr):
            try:
                print("printed", file=stream, flush=True)
            except (OSError, ValueError):
                pass
        environ["wsgi.errors"].write("logged\\n")
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


def ask(server, path, body=b"x" * 1_000):
    """That the response is this body and nothing else, on every connection."""
    for scheme in ("http", "uwsgi"):
        response = server.listeners[scheme].ask("POST", path, body=body)
        assert (response.status, response.body, response.is_complete) == ("200 OK", body, True), (scheme, path)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("closed", ["1", "2", "12", "012"])
def test_closed_at_the_import(closed, workers, launch, folder):
    """The log and the access log are written all the same: their lines stand where they should."""
    folder({"app.py": APPLICATION})
    server = launch("app", "--access-log", listeners=["http", "uwsgi"], workers=workers, environment={"CLOSED": closed})
    server.wait_until_it_listens()
    for _ in range(5):
        ask(server, "/")
        # What is larger is kept in a file.
        ask(server, "/", b"y" * 2_000_000)
    numbers = server.listeners["http"].ask("GET", "/numbers").body.decode().split()
    assert [numbers[int(number)] for number in closed] == ["/dev/null"] * len(closed)
    eventually("the access log", lambda: server.stdout.read_text().count(" POST / 200 ") == 20)
    eventually("the log", lambda: len(re.findall(r" ERROR (?:worker \d+ \(pid \d+\): )?logged", server.log())) == 20)
    assert server.stop() == 0, server.log()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("closed", ["1", "2", "12", "012"])
def test_closed_in_a_call(closed, workers, launch, folder):
    """The next connections would have the numbers."""
    folder({"app.py": APPLICATION})
    server = launch("app", "--access-log", listeners=["http", "uwsgi"], workers=workers).wait_until_it_listens()
    server.listeners["http"].ask("GET", f"/close?{closed}")
    for _ in range(5):
        ask(server, "/")
        ask(server, "/", b"y" * 2_000_000)
        assert server.listeners["http"].ask("GET", "/raises").status == "500 Internal Server Error"
    eventually("the access log", lambda: server.stdout.read_text().count(" POST / 200 ") == 20)
    eventually("the log", lambda: server.log().count("as was asked for") >= 5)
    assert server.stop() == 0, server.log()


def listens(remote):
    """Whether it does: the file of a unix socket is there a moment before."""
    try:
        remote.connect().close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "2>&- >&-", "<&- 2>&- >&-"])
def test_closed_before_the_start(closed, workers, launch, folder, tmp_path):
    """The process that started it has closed them, as daemons do."""
    folder({"app.py": APPLICATION})
    command = ("sh", "-c", f'exec "$@" {closed}', "sh", TIDEGATE)
    sockets = {scheme: f"{tmp_path}/{scheme}" for scheme in ("http", "uwsgi")}
    server = launch("app", "--access-log", listeners=sockets, workers=workers, command=command)
    # The banner may have nowhere to go.
    server.listeners = {scheme: Remote(scheme, f"unix:{path}") for scheme, path in sockets.items()}
    eventually("it listens", lambda: all(map(listens, server.listeners.values())))
    for _ in range(5):
        ask(server, "/")
        ask(server, "/", b"y" * 2_000_000)
    numbers = server.listeners["http"].ask("GET", "/numbers").body.decode().split()
    for sign, number in (("<&-", 0), (" >&-", 1), ("2>&-", 2)):
        assert numbers[number] == "/dev/null" or sign not in " " + closed, numbers
    assert server.stop() == 0


def test_nothing_is_written_into_a_file_that_has_their_number(launch, folder, tmp_path):
    """The application's next file gets it: a database, say. SIGUSR1 leaves it where it is, too."""
    folder(
        {
            "app.py": """
import os

def application(environ, start_response):
    if environ["PATH_INFO"] == "/open":
        os.close(1)
        os.close(2)
        for name in ("first", "second"):
            assert os.open(name, os.O_CREAT | os.O_RDWR) in (1, 2)
    environ["wsgi.errors"].write("logged\\n")
    start_response("200 OK", [])
    return [b"ok"]
"""
        }
    )
    log = tmp_path / "log"
    server = launch("app", "--access-log", f"--log-file={log}", workers=1).wait_until_it_listens()
    for path in ("/open", "/", "/"):
        assert server.listeners["http"].ask("GET", path).body == b"ok"
    os.rename(log, tmp_path / "old")
    server.signal(signal.SIGUSR1)
    eventually("the new file", log.exists)
    eventually("its line", lambda: server.listeners["http"].ask("GET", "/").body and "logged" in log.read_text())
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes() == b""
    eventually("the access log", lambda: " GET /open 200 " in server.stdout.read_text())
    assert server.stop() == 0


def test_what_is_printed_goes_to_the_log_file(launch, folder, tmp_path):
    """print() and what a child process says, at once, and to the new file once it was rotated. The access log stays on stdout."""
    folder(
        {
            "app.py": """
import os, sys

def application(environ, start_response):
    print("printed", environ["PATH_INFO"])
    os.system("echo said by a child")
    print("complained", file=sys.stderr)
    start_response("200 OK", [])
    return [b"ok"]
"""
        }
    )
    log = tmp_path / "log"
    server = launch("app", "--access-log", f"--log-file={log}", workers=1).wait_until_it_listens()
    assert server.listeners["http"].ask("GET", "/first").body == b"ok"
    for words in ("printed /first\n", "said by a child\n", "complained\n", " INFO serves app on http://"):
        assert words in log.read_text()
    os.rename(log, tmp_path / "old")
    server.signal(signal.SIGUSR1)
    eventually("the new file", log.exists)
    eventually(
        "its line",
        lambda: server.listeners["http"].ask("GET", "/second").body and "printed /second\n" in log.read_text(),
    )
    out = server.stdout.read_text()
    assert "printed" not in out and " GET /first 200 " in out
    assert server.stop() == 0
