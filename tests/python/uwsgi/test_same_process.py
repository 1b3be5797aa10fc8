"""A reload without lazy-apps, as uWSGI has it: the configuration and the code anew, in the same process."""

import signal

from support.waiting import eventually

APPLICATION = """
import os

print("printed at import")

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{CODE} {os.environ.get('KIND')} {os.getppid()} {os.getpid()}".encode()]
"""


def told(server):
    """The code, a variable of the configuration, the master and the worker."""
    return server.listeners["http"].ask("GET", "/").body.decode().split()


def test_touch_reload_reads_configuration_and_code_anew(configured, folder, tmp_path):
    """With other settings: a variable, and how many workers there are."""
    folder({"app.py": "CODE = 'old'\n" + APPLICATION, "reload": ""})
    server = configured("module = app", "master = true", "processes = 1", "env = KIND=one", "touch-reload = reload")
    assert told(server)[:3] == ["old", "one", str(server.process.pid)]
    ini = tmp_path / "site.ini"
    was = ini.read_text(encoding="utf-8")
    ini.write_text(was.replace("processes = 1", "processes = 3").replace("KIND=one", "KIND=two"), encoding="utf-8")
    folder({"app.py": "CODE = 'new'\n" + APPLICATION, "reload": "again"})
    # One of the old may have a request yet.
    eventually("the new code", lambda: told(server)[:3] == ["new", "two", str(server.process.pid)])
    server.logged("the new code serves", level="INFO")
    eventually("three workers", lambda: len({told(server)[3] for _ in range(40)}) > 1)
    server.ignore_log()


def test_a_configuration_that_cannot_be_leaves_the_old(configured, folder, tmp_path):
    """It is told what is wrong with it, and where."""
    folder({"app.py": "CODE = 'old'\n" + APPLICATION})
    server = configured("module = app", "master = true", "processes = 1", "need-app = true")
    ini = tmp_path / "site.ini"
    was = ini.read_text(encoding="utf-8")
    ini.write_text(was.replace("processes = 1", "processes = many"), encoding="utf-8")
    server.signal(signal.SIGHUP)
    eventually("the reason", lambda: "site.ini:5" in server.log())
    server.logged("what is new cannot be loaded, and the old serves on")
    assert told(server)[:1] == ["old"] and not server.has_ended()
    ini.write_text(was, encoding="utf-8")
    folder({"app.py": "CODE = 'new'\n" + APPLICATION})
    server.signal(signal.SIGHUP)
    eventually("the new code", lambda: told(server)[0] == "new")
    server.ignore_log()
