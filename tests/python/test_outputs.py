"""What the application prints, where it is not read or there is no room: no worker and no exit status is lost for it."""

import os
import re
import signal
import subprocess

import pytest

from support.server import TIDEGATE, clean_environment
from support.waiting import eventually

APPLICATION = """
import sys

# It stays in a buffer until it is flushed.
print("printed at the import", file=sys.stdout)

def application(environ, start_response):
    print("printed in a call")
    start_response("200 OK", [])
    return [b"ok"]
"""


@pytest.fixture(params=["full", "without-reader", "closed-object", "no-stream"])
def stdout_of(request, tmp_path):
    """How the command's stdout is: a shell's redirection, and a line of the application's."""
    return {
        "full": (">/dev/full", ""),
        "without-reader": ("| true", ""),
        "closed-object": (">out", "sys.stdout.close()\n"),
        "no-stream": (">out", "sys.stdout = object()\n"),
    }[request.param]


@pytest.mark.parametrize("options", [["--workers=0"], ["--workers=1"], ["--workers=1", "--preload"]], ids=" ".join)
def test_what_is_printed_ends_nothing(options, stdout_of, folder, tmp_path):
    """The server serves, replaces a worker, and ends with status 0."""
    redirection, line = stdout_of
    application = APPLICATION.replace("def application", line + "def application")
    if line:
        application = application.replace('    print("printed in a call")\n', "")
    folder({"app.py": application})
    path, pid_file = tmp_path / "socket", tmp_path / "pid"
    # The shell's own status is that of what it has started, read or not.
    arguments = f"serve app --http={path} --pidfile={pid_file} {' '.join(options)}"
    script = f'( "$0" {arguments} 2>log; echo $? >status ) {redirection}'
    shell = subprocess.Popen(
        ["sh", "-c", script, str(TIDEGATE)],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        ask = ["curl", "--silent", "--unix-socket", str(path), "http://x/"]

        def answers():
            return subprocess.run(ask, stdout=subprocess.PIPE, check=False).stdout == b"ok"

        eventually("it answers", answers)
        master = int(pid_file.read_text())
        if "--workers=1" in options:
            children = f"/proc/{master}/task/{master}/children"
            with open(children) as file:
                (worker,) = file.read().split()
            os.kill(int(worker), signal.SIGKILL)
            eventually("another worker answers", answers)
        os.kill(master, signal.SIGTERM)
        eventually("its status", lambda: (tmp_path / "status").exists() and (tmp_path / "status").read_text())
        log = (tmp_path / "log").read_text()
        assert (tmp_path / "status").read_text() == "0\n", log
        assert "exit status 120" not in log and "cannot be started" not in log, log
    finally:
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        shell.wait()


@pytest.mark.parametrize("body", ["its length", "chunked"])
def test_what_is_refused_has_its_method_path_and_client_in_the_access_log(start, folder, tmp_path, body):
    """Over each protocol, where its head was read; what is no request at all has not."""
    folder({"app.py": "def application(environ, start_response):\n    start_response('200 OK', [])\n    return []\n"})
    log = tmp_path / "access"
    form = "{remote_addr} {method} {uri} {status} {user_agent}"
    options = [f"--access-log-file={log}", f"--access-log-format={form}", "--max-body=1000"]
    server = start("app", *options, listeners=("uwsgi", "http", "fastcgi", "scgi"))
    data = b"x" * 1001
    if body == "chunked":
        http = server.listeners["http"]
        with http.connect() as connection:
            head = b"PUT /up?x HTTP/1.1\r\nHost: localhost\r\nUser-Agent: tide\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(head + b"3e9\r\n" + data + b"\r\n0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
        count = 1
    else:
        for listener in server.listeners.values():
            response = listener.ask("PUT", "/up?x", [("User-Agent", "tide")], data)
            assert response.status.startswith("413 "), listener.scheme
        count = 4
    eventually("the lines", lambda: log.read_text().count("\n") == count)
    # 192.0.2.7 is what the tests' packets say.
    client = "127.0.0.1" if count == 1 else "(127.0.0.1|192.0.2.7)"
    assert re.fullmatch(rf"({client} PUT /up\?x 413 tide\n){{{count}}}", log.read_text()), log.read_text()
    assert count == 1 or log.read_text().count("192.0.2.7 ") == 3
    server.ignore_log()
    with server.listeners["http"].connect() as connection:
        connection.sendall(b"no request\r\n\r\n")
        connection.recv(100)
    eventually("another line", lambda: log.read_text().count("\n") == count + 1)
    assert log.read_text().splitlines()[-1] == "127.0.0.1 - - 400 -"
    server.ignore_log()
