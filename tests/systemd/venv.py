"""The drop-ins for the command of a virtual environment, with a Python application."""

import shutil
import subprocess
from pathlib import Path

from container import ROOT
from service import Service
from sites import site

APP = """import sys


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{sys.prefix} {open('/proc/self/comm').read()}".encode()]
"""
# Of its home folders a service sees none: it is the system's Python, not one that is somebody's.
PYTHON = "/usr/bin/python3"


def wheel():
    """The project for that Python."""
    folder = ROOT / "target/systemd-wheel"
    shutil.rmtree(folder, ignore_errors=True)
    maturin = ROOT / ".venv/bin/maturin"
    command = [maturin, "build", "--release", "--locked", "--quiet", "-i", PYTHON, "-o", folder]
    subprocess.run(command, check=True, cwd=ROOT)
    (found,) = folder.glob("*.whl")
    return found


def tests(container, built):
    for project in ("myproject", "news"):
        venv = f"/srv/{project}/.venv"
        must(container, PYTHON, "-m", "venv", "--without-pip", venv)
        pip = [ROOT / ".venv/bin/python", "-m", "pip", "--disable-pip-version-check", "--python", f"{venv}/bin/python"]
        must(container, *pip, "install", "--quiet", "--no-index", "--no-deps", built)
        container.write(f"/srv/{project}/mysite.py", APP)
    drop_ins = Path("/usr/share/doc/tidegate/deploy")
    for unit in ("tidegate.service.d", "tidegate@.service.d"):
        must(container, "install", "-D", "-t", f"/etc/systemd/system/{unit}", drop_ins / unit / "venv.conf")
    container.systemctl("daemon-reload")
    service = Service(container, "tidegate", "/run/tidegate/uwsgi.sock")
    for test, one, project in (
        (serves_python, service, "myproject"),
        (serves_python_at_a_site, site(container, "news"), "news"),
    ):
        one.configure(f'app = "mysite"\npythonpath = ["/srv/{project}"]\nworkers = 2\n')
        one.enable()
        yield test, one
        one.stop()
    must(container, "rm", "-r", "/etc/systemd/system/tidegate.service.d", "/etc/systemd/system/tidegate@.service.d")
    container.systemctl("daemon-reload")


def serves_python(service):
    assert service.ask("/").startswith("/srv/myproject/.venv "), service.log()
    main = service.show("MainPID")
    assert service.reload().returncode == 0 and service.show("MainPID") == main
    service.container.write("/srv/myproject/mysite.py", "1 +")
    assert service.reload().returncode != 0, "code that does not load is found before the master is told"
    assert service.ask("/").startswith("/srv/myproject/.venv ")
    service.container.write("/srv/myproject/mysite.py", APP)


def serves_python_at_a_site(service):
    assert service.ask("/").startswith("/srv/news/.venv "), service.ask("/")
    assert service.reload().returncode == 0


def must(container, *command):
    done = container.run(*map(str, command))
    assert done.returncode == 0, (command, done.stderr)
