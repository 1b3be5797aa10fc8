"""A proxy on a machine of its own, with a file of deploy/hosts as it is."""

import re
import shutil
import signal
import subprocess

from host import ROOT, eventually

DEPLOY = ROOT / "deploy" / "hosts"
# Those that Debian has not: `make hosts` puts them there, by requirements.txt.
PROGRAMS = ROOT / "target" / "proxies" / "bin"
MAIN_OF_NGINX = """daemon off; pid FOLDER/nginx.pid; error_log FOLDER/nginx.log; worker_processes 1;
events { worker_connections 4096; }
http { access_log off; include FOLDER/site.conf; }
"""


class Proxy:
    # How it learns of another file in the place of the one that names the hosts: a signal, or none if it looks itself.
    reloads_at = None
    # What spreads requests by how many each host has, and what does so in turns.
    by_load, in_turn = None, None

    def __init__(self, machine, way, folder):
        self.machine, self.folder, self.name = machine, folder, way
        shipped = self.shipped()
        self.site, self.text = folder / f"site{shipped.suffix}", shipped.read_text()
        self.write(self.text)
        with open(folder / "proxy.log", "w") as log:
            self.process = subprocess.Popen(machine.command(*self.command()), stdout=log, stderr=log, start_new_session=True)
        eventually(f"{way} answers", self.answers)

    def shipped(self):
        """The file that names the hosts."""
        return next(DEPLOY.glob(f"{self.name}.*"))

    def write(self, text):
        """In one moment: some look for themselves."""
        new = self.folder / "new"
        new.write_text(text)
        new.rename(self.site)

    def with_fourth(self):
        """The same with a line more."""
        fourth, count = re.subn(r"^(.*)10\.0\.0\.13(.*)$", r"\g<0>\n\g<1>10.0.0.14\g<2>", self.text, flags=re.MULTILINE)
        assert count == 1
        return fourth.replace("app13 10.0.0.14", "app14 10.0.0.14")

    def with_first(self, count):
        """The same with the first hosts alone."""
        for number in range(11 + count, 14):
            text = re.sub(rf"^.*10\.0\.0\.{number}.*\n", "", text if number > 11 + count else self.text, flags=re.MULTILINE)
        return text if count < 3 else self.text

    def in_turns(self):
        """The same, but each host is asked in its turn, however many requests it has."""
        assert self.by_load in self.text
        return self.text.replace(self.by_load, self.in_turn)

    def reload(self, text):
        self.write(text)
        if self.reloads_at:
            self.process.send_signal(self.reloads_at)

    def answers(self):
        assert self.process.poll() is None, (self.folder / "proxy.log").read_text()
        return self.machine.run("curl", "--silent", "--fail", "--max-time", 5, f"http://{self.machine.address}/").returncode == 0

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class Nginx(Proxy):
    reloads_at = signal.SIGHUP
    by_load, in_turn = "    least_conn;\n", ""

    def command(self):
        for name in ("uwsgi_params", "fastcgi_params"):
            shutil.copy(ROOT / name, self.folder)
        main = self.folder / "nginx.conf"
        main.write_text(MAIN_OF_NGINX.replace("FOLDER", str(self.folder)))
        return "nginx", "-c", main


class HAProxy(Proxy):
    reloads_at = signal.SIGUSR2
    by_load, in_turn = "balance leastconn", "balance roundrobin"

    def command(self):
        return "haproxy", "-W", "-db", "-f", self.site


class Envoy(Proxy):
    by_load, in_turn = "LEAST_REQUEST", "ROUND_ROBIN"

    def shipped(self):
        return DEPLOY / f"{self.name}-hosts.yaml"

    def command(self):
        main = self.folder / "envoy.yaml"
        main.write_text((DEPLOY / f"{self.name}.yaml").read_text().replace(f"/etc/envoy/{self.name}-hosts.yaml", str(self.site)))
        return PROGRAMS / "envoy", "-c", main, "--concurrency", 1, "--use-dynamic-base-id", "-l", "warn"


class Traefik(Proxy):
    by_load, in_turn = "strategy: p2c", "strategy: wrr"

    def command(self):
        return PROGRAMS / "traefik", "--entrypoints.web.address=:80", f"--providers.file.filename={self.site}"


OF = {"nginx": Nginx, "haproxy": HAProxy, "envoy": Envoy, "traefik": Traefik}


def started(machine, way, folder):
    return OF[way.split("-")[0]](machine, way, folder)
