"""A new master in the old one's place, where the master has loaded the application: the process stays, as its supervisor sees it."""

import os
import signal
from pathlib import Path

from support.waiting import eventually

APPLICATION = """
import os

os.environ.setdefault("SETTINGS", CODE)

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{CODE} {os.environ['SETTINGS']} {os.getppid()} {os.getpid()}".encode()]
"""


def name(server):
    """As ps has it."""
    return Path(f"/proc/{server.process.pid}/comm").read_text(encoding="utf-8")


def told(server):
    """The code, what it has set in the environment, the master and the worker."""
    return server.listeners["http"].ask("GET", "/").body.decode().split()


def test_the_process_stays_and_has_the_new_code(start, folder):
    """Again and again; what the code before has set in the environment is gone."""
    folder({"app.py": "CODE = 'v0'\n" + APPLICATION})
    server = start("app", "--preload", workers=2)
    before = name(server)
    for code in ("v1", "v2", "v3"):
        folder({"app.py": f"CODE = {code!r}\n" + APPLICATION})
        server.signal(signal.SIGHUP)
        eventually("the new code", lambda code=code: told(server)[:3] == [code, code, str(server.process.pid)])
        server.logged("the new code serves", count=int(code[1:]), level="INFO")
    assert not server.has_ended() and name(server) == before


def test_code_that_does_not_load_leaves_the_old_and_is_told(start, folder):
    """The traceback says where; the next reload is another matter."""
    folder({"app.py": "CODE = 'old'\n" + APPLICATION})
    server = start("app", "--preload", workers=2)
    workers = {told(server)[3] for _ in range(50)}
    folder({"app.py": "CODE = 'new'\nimport no_such_tide\n" + APPLICATION})
    server.signal(signal.SIGHUP)
    server.logged("what is new cannot be loaded, and the old serves on")
    (text,) = server.logged("No module named 'no_such_tide'")
    assert "app.py" in text
    assert told(server)[:3] == ["old", "old", str(server.process.pid)]
    assert {told(server)[3] for _ in range(50)} & workers
    folder({"app.py": "CODE = 'newer'\n" + APPLICATION})
    server.signal(signal.SIGHUP)
    eventually("the new code", lambda: told(server)[0] == "newer")
    server.ignore_log()


def test_a_worker_of_before_that_dies_meanwhile_is_replaced(start, folder):
    """By one of the new code, as the master has no other."""
    folder({"app.py": "CODE = 'old'\n" + APPLICATION})
    server = start("app", "--preload", workers=1)
    first = int(told(server)[3])
    folder({"app.py": "CODE = 'new'\nimport time; time.sleep(0.5)\n" + APPLICATION})
    server.signal(signal.SIGHUP)
    server.logged("this process becomes the new master", level="INFO")
    os.kill(first, signal.SIGKILL)
    eventually("the new code", lambda: told(server)[0] == "new")
    server.ignore_log()
