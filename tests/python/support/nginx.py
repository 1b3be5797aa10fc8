"""A real nginx before the server."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

from support.server import ROOT
from support.waiting import eventually

CONFIGURATION = (ROOT / "tests" / "support" / "nginx.conf").read_text()
PARAMETERS = """
    include ROOT/uwsgi_params;
    include ROOT/fastcgi_params;
    include FOLDER/scgi_params;
    """
SERVER = """server {
        listen 127.0.0.1:PORT;
        server_name www.example.com;
        location / { PASS }
        LOCATIONS
    }"""
# What passes requests on, of each protocol, to a unix socket.
PASSES = {
    "uwsgi": "uwsgi_pass unix:SOCKET;",
    "scgi": "scgi_pass unix:SOCKET;",
    "fastcgi": "fastcgi_keep_conn on; fastcgi_pass unix:SOCKET;",
    "http": 'proxy_pass http://unix:SOCKET:; proxy_http_version 1.1; proxy_set_header Connection "";'
    " proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;"
    " proxy_set_header X-Forwarded-Proto $scheme;",
}


class Nginx:
    """A running nginx, in a folder of its own."""

    def __init__(self, folder, scheme, backend, locations="", server=SERVER, uwsgi_params=None):
        # The port is bound and not listened on: nginx can have it (SO_REUSEADDR), and no other program is given it.
        self.port = socket.socket()
        self.port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port.bind(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.port.getsockname()[1]
        self.folder = folder
        text = (
            CONFIGURATION.replace("HTTP", PARAMETERS + server)
            .replace("PASS", PASSES[scheme])
            .replace("SOCKET", str(backend))
        )
        text = text.replace("LOCATIONS", locations).replace("PORT", self.url.rpartition(":")[2])
        text = text.replace("FOLDER", str(folder)).replace("ROOT", str(ROOT))
        # Debian's own scgi_params replace the Host header by one without its port.
        params = (ROOT / "uwsgi_params").read_text().replace(
            "uwsgi_param", "scgi_param"
        ) + "scgi_param SCGI 1;\n"
        (folder / "scgi_params").write_text(params)
        (folder / "uwsgi_params").write_text(uwsgi_params or (ROOT / "uwsgi_params").read_text())
        (folder / "nginx.conf").write_text(text)
        self.process = subprocess.Popen(
            [program(), "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually("nginx listens", lambda: self.has_ended() or self.listens())
        assert not self.has_ended(), f"nginx ended at once:\n{self.log()}"

    def has_ended(self):
        """Whether it is over."""
        return self.process.poll() is not None

    def listens(self):
        """Whether a connection is accepted."""
        with socket.socket() as connection:
            return connection.connect_ex(self.port.getsockname()) == 0

    def log(self):
        """Its error log."""
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self):
        """It has no master process and no children."""
        self.process.kill()
        self.process.wait()
        self.port.close()


def debians_params():
    """uwsgi_params as Debian has them, which name the host without its port."""
    installed = Path("/etc/nginx/uwsgi_params")
    params = installed.read_text() if installed.exists() else (ROOT / "uwsgi_params").read_text()
    return params if "HTTP_HOST" in params else params + "uwsgi_param HTTP_HOST $host;\n"


def program():
    """nginx itself, which a user's PATH often does not reach."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    found = shutil.which("nginx", path=path)
    assert found, "nginx is not installed: apt-get install nginx-light, or run make test as root"
    return found
