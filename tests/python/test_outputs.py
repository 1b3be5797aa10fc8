"""What the application prints, where it is not read or there is no room: no worker and no exit status is lost for it."""

import os
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
