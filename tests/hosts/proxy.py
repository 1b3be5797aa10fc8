"""A proxy on a machine of its own, with a file of deploy/hosts as it is."""

import os
import re
import shutil
import signal
import subprocess

from answers import Answers
from host import ROOT, eventually

DEPLOY = ROOT / "deploy" / "hosts"
# Those that Debian has not: `make hosts` puts them there, by requirements.txt.
PROGRAMS = ROOT / "target" / "proxies" / "bin"
MAIN_OF_NGINX = """daemon off; pid FOLDER/nginx.pid; error_log FOLDER/nginx.log; worker_processes 1;
events { worker_connections 4096; }
http { access_log off; include FOLDER/site.conf; }
"""
# What stands in a line for the host, and for the time and the status.
HOST, ANSWER = r"(?P<host>[\d.]+)(?::\d+)?", r"(?P<time>\d+) (?P<status>\d+)"


class Proxy:
    # How it learns of another file in the place of the one that names the hosts: a signal, or none if it looks itself.
    reloads_at = None
    # What spreads requests by how many each host has, and what does so in turns.
    by_load, in_turn = None, None
    # Whether it can be told to ask an agent beside each host for its weight.
    has_agents = False

    def __init__(self, machine, way, folder):
        self.machine, self.folder, self.name = machine, folder, way
        self.told = 0
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

    def reload_telling(self, text):
        """The same, and from here on each answer is a line of its log: by which host, after what time, with what status.
        Returns these answers as they come."""
        self.told += 1
        # An old process of the proxy may still write; its lines have another word in front.
        text, log, line, unit = self.telling(text, f"told{self.told}")
        self.reload(text)
        answers = Answers(log, line, unit)
        eventually("the proxy tells of an answer", lambda: self.answers() and answers.all())
        return answers

    def answers(self):
        assert self.process.poll() is None, (self.folder / "proxy.log").read_text()
        return self.machine.run("curl", "--silent", "--fail", "--max-time", 5, f"http://{self.machine.address}/").returncode == 0

    def complaints(self):
        """What its log says of each request that was not answered as it should be, where it says more than the load knows."""
        return []

    def close(self):
        """All of its processes at once: one that was reloaded waits for old ones, which wait for their clients."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Nginx(Proxy):
    reloads_at = signal.SIGHUP
    by_load, in_turn = "    least_conn;\n", ""

    def command(self):
        for name in ("uwsgi_params", "fastcgi_params"):
            shutil.copy(ROOT / name, self.folder)
        main = self.folder / "nginx.conf"
        main.write_text(MAIN_OF_NGINX.replace("FOLDER", str(self.folder)))
        return "nginx", "-c", main

    def telling(self, text, word):
        log = self.folder / "answers"
        log.touch()
        told = text.replace("server {\n", f"server {{\n    access_log {log} {word};\n", 1)
        # It names each host that was asked, and the last one has answered.
        line = rf"^{word} (?:.*, )?{HOST} (?P<time>[\d.]+) (?P<status>\d+)$"
        return f"log_format {word} '{word} $upstream_addr $request_time $status';\n{told}", log, line, 1


class HAProxy(Proxy):
    reloads_at = signal.SIGUSR2
    by_load, in_turn = "balance leastconn", "balance roundrobin"
    has_agents = True

    def command(self):
        return "haproxy", "-W", "-db", "-f", self.site

    def telling(self, text, word):
        told = text.replace("raw local0 notice", "raw local0 info")
        told = told.replace("defaults\n", f'defaults\n    log-format "{word} %si %Ta %ST"\n')
        return told, self.folder / "proxy.log", rf"^{word} {HOST} {ANSWER}$", 1e-3

    def asking_agents(self, text):
        """The same, and it gives each host the weight that its agent tells."""
        return text.replace("default-server check", "default-server agent-check agent-port 9192 agent-inter 300ms weight 100 check")


class Envoy(Proxy):
    by_load, in_turn = "LEAST_REQUEST", "ROUND_ROBIN"

    # In one line, as what is put into another file's place.
    LOG = """{ name: log, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, \
log_format: { text_format_source: { inline_string: "told %UPSTREAM_HOST% %DURATION% %RESPONSE_CODE% %RESPONSE_FLAGS% \
%RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% times\\n" } } } }"""

    def shipped(self):
        return DEPLOY / f"{self.name}-hosts.yaml"

    def command(self):
        main = self.folder / "envoy.yaml"
        own = (DEPLOY / f"{self.name}.yaml").read_text().replace(f"/etc/envoy/{self.name}-hosts.yaml", str(self.site))
        assert own.count("stat_prefix: public") == 1
        main.write_text(own.replace("stat_prefix: public", f"stat_prefix: public\n                access_log: [{self.LOG}]"))
        return PROGRAMS / "envoy", "-c", main, "--concurrency", 1, "--use-dynamic-base-id", "-l", "warn", "--file-flush-interval-msec", 50

    def telling(self, text, _word):
        """It tells all the time: what it logs does not stand in the file with the hosts."""
        return text, self.folder / "proxy.log", rf"^told {HOST} {ANSWER} .*$", 1e-3

    def complaints(self):
        """Of what it did not answer with 200 all that it knows; a client that has gone (0) is no fault."""
        log = (self.folder / "proxy.log").read_text()
        return re.findall(r"^told .* (?!200 |0 )\d+ \S+ \S+ \d+ times$", log, re.MULTILINE)


class Traefik(Proxy):
    by_load, in_turn = "strategy: p2c", "strategy: wrr"

    def command(self):
        options = ("--accesslog=true", f"--accesslog.filepath={self.folder}/answers")
        return PROGRAMS / "traefik", "--entrypoints.web.address=:80", f"--providers.file.filename={self.site}", *options

    def telling(self, text, _word):
        """As Envoy."""
        line = rf' (?P<status>\d+) \d+ "-" "-" \d+ "[^"]*" "http://{HOST}" (?P<time>\d+)ms$'
        return text, self.folder / "answers", line, 1e-3


OF = {"nginx": Nginx, "haproxy": HAProxy, "envoy": Envoy, "traefik": Traefik}


def started(machine, way, folder):
    return OF[way.split("-")[0]](machine, way, folder)
