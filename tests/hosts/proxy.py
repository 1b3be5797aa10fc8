"""nginx or HAProxy on a machine of its own, with a file of deploy/hosts as it is."""

import os
import re
import shutil
import signal
import subprocess

from answers import Answers
from host import ROOT, eventually

NGINX = """daemon off; pid FOLDER/nginx.pid; error_log FOLDER/nginx.log; worker_processes 1;
events { worker_connections 4096; }
http {
    access_log off;
    include FOLDER/site.conf;
}
"""
DEPLOY = ROOT / "deploy" / "hosts"


class Proxy:
    def __init__(self, machine, way, folder):
        self.machine, self.folder, self.name = machine, folder, way
        self.is_nginx = way.startswith("nginx")
        self.told = 0
        self.text = next(DEPLOY.glob(f"{way}.c*")).read_text()
        self.write(self.text)
        for name in ("uwsgi_params", "fastcgi_params"):
            shutil.copy(ROOT / name, folder)
        (folder / "nginx.conf").write_text(NGINX.replace("FOLDER", str(folder)))
        command = ["nginx", "-c", folder / "nginx.conf"] if self.is_nginx else ["haproxy", "-W", "-db", "-f", folder / "site.conf"]
        with open(folder / "proxy.log", "w") as log:
            self.process = subprocess.Popen(machine.command(*command), stdout=log, stderr=log, start_new_session=True)
        eventually(f"{way} answers", self.answers)

    def write(self, text):
        (self.folder / "site.conf").write_text(text)

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
        return self.text.replace("    least_conn;\n", "").replace("balance leastconn", "balance roundrobin")

    def asking_agents(self, text):
        """The same, and HAProxy gives each host the weight that its agent tells."""
        return text.replace("default-server check", "default-server agent-check agent-port 9192 agent-inter 300ms weight 100 check")

    def reload(self, text):
        self.write(text)
        self.process.send_signal(signal.SIGHUP if self.is_nginx else signal.SIGUSR2)

    def reload_telling(self, text):
        """The same, and from here on each answer is a line of its log: by which host, after what time, with what status.
        Returns these answers as they come."""
        self.told += 1
        # An old process of the proxy may still write; its lines have another word in front.
        word = f"told{self.told}"
        if self.is_nginx:
            log = self.folder / "answers"
            log.touch()
            line = f"log_format {word} '{word} $upstream_addr $request_time $status';\n"
            self.reload(line + text.replace("server {\n", f"server {{\n    access_log {log} {word};\n", 1))
        else:
            log = self.folder / "proxy.log"
            line = f'defaults\n    log-format "{word} %si %Ta %ST"\n'
            self.reload(text.replace("raw local0 notice", "raw local0 info").replace("defaults\n", line))
        answers = Answers(log, word, 1 if self.is_nginx else 1e-3)
        eventually("the proxy tells of an answer", lambda: self.answers() and answers.all())
        return answers

    def answers(self):
        assert self.process.poll() is None, (self.folder / "proxy.log").read_text()
        return self.machine.run("curl", "--silent", "--fail", "--max-time", 5, f"http://{self.machine.address}/").returncode == 0

    def close(self):
        """All of its processes at once: one that was reloaded waits for old ones, which wait for their clients."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
