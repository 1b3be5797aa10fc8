"""A host with Tidegate on it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TIDEGATE = ROOT / ".venv" / "bin" / "tidegate"
PATIENCE = 30
# What the application waits for each request, and how many it can answer a second on one host: 2 workers of 2 threads.
WORK = 0.02
CAPACITY = 4 / WORK
SETTINGS = {"drain": 1.5, "grace": 10, "queue-timeout": 1}


def eventually(what, is_so, patience=PATIENCE):
    until = time.monotonic() + patience
    while not (value := is_so()):
        assert time.monotonic() < until, f"{what}: not within {patience} s"
        time.sleep(0.05)
    return value


class Host:
    def __init__(self, machine, name, folder):
        self.machine, self.name, self.log = machine, name, folder / f"{name}.log"
        self.process, self.agent = None, None
        self.settings = dict(SETTINGS)
        # The control group that bounds its processor's time, if one does.
        self.group = None

    def start(self, work=WORK, spin=0):
        address = self.machine.address
        command = [TIDEGATE, "serve", "app:application", "--chdir", HERE, "--workers", 2, "--threads", 2]
        for option, port in (("uwsgi", 3031), ("http", 8000), ("fastcgi", 9000), ("stats", 9191)):
            command += [f"--{option}", f"{address}:{port}"]
        command += ["--allow-from", "10.0.0.0/24"]
        for option, value in self.settings.items():
            command += [f"--{option}", value]
        command = self.machine.command(*command)
        if self.group:
            # Before `ip netns exec`, which has a /sys of its own.
            command = ["sh", "-c", f'echo $$ >{self.group}/cgroup.procs && exec "$@"', "sh", *command]
        how = {"HOST_NAME": self.name, "HOST_WORK": str(work), "HOST_SPIN": str(spin), "PYTHONDONTWRITEBYTECODE": "1"}
        environment = {**os.environ, **how}
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        eventually(f"{self.name} is ready", self.is_ready)

    def is_ready(self):
        assert self.process.poll() is None, f"{self.name} has ended:\n{self.log.read_text()}"
        return self.get("/ready", "--fail").returncode == 0

    def get(self, path, *options):
        return self.machine.run("curl", "--silent", *options, "--max-time", 5, f"http://{self.machine.address}:9191{path}")

    def answered(self):
        """How many requests it has answered since it was started."""
        counts = re.findall(r'^tidegate_requests_total\{worker="\d+"\} (\d+)$', self.get("/metrics").stdout, re.MULTILINE)
        return sum(map(int, counts))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, f"{self.name} has not stopped well:\n{self.log.read_text()}"

    def restart(self, **how):
        self.stop()
        self.start(**how)

    def start_agent(self):
        """HAProxy's agent-check is answered, until the end of the host."""
        address = self.machine.address
        command = [sys.executable, ROOT / "deploy" / "hosts" / "agent.py", f"{address}:9192", f"http://{address}:9191"]
        with open(self.log, "a") as log:
            self.agent = subprocess.Popen(self.machine.command(*command), stdout=log, stderr=log, start_new_session=True)

    def kill(self):
        """All of it at once, as when the power fails; but its peers hear of it from the kernel."""
        for process in (self.process, self.agent):
            if process:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                process.wait()
