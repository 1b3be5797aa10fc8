"""The units of deploy/ under a real systemd, with what docs/deploy.md says of them: `make systemd`, as root.

It is a container's systemd (systemd-nspawn), whose files are those of this machine with a layer above them that goes
away at the end. No test of `make test`: not every machine lets a process be the first of a container.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOCKET = "/run/tidegate/uwsgi.sock"
PATIENCE = 30


def main():
    tidegate = ROOT / "target/release/tidegate"
    missing = [name for name in ("systemd-nspawn", "nsenter") if not shutil.which(name)]
    if os.geteuid() != 0 or missing or not tidegate.exists():
        sys.exit(
            f"It needs root, {tidegate} (cargo build --release), systemd-nspawn and nsenter "
            "(apt-get install systemd-container dbus util-linux)" + "".join(f"; no {name} here" for name in missing)
        )
    with Container() as container:
        container.install(tidegate, "/usr/bin/tidegate")
        for unit in ("tidegate.service", "tidegate.socket"):
            container.install(ROOT / "deploy" / unit, f"/etc/systemd/system/{unit}")
        container.write("/etc/tidegate/tidegate.toml", 'app = "demo"\nworkers = 2\n')
        container.systemctl("daemon-reload")
        container.systemctl("enable", "--now", "tidegate.socket", "tidegate.service")
        for test in (starts, reloads, loses_nothing, is_watched, comes_back, stops):
            test(Service(container))
            print(f"systemd: {test.__name__} ... ok", flush=True)


# The tests, in this order.


def starts(service):
    assert service.show("ActiveState") == "active"
    assert service.show("StatusText") == "2 workers serve, 0 start, 0 finish what runs"
    assert service.answers()


def reloads(service):
    main = service.show("MainPID")
    service.systemctl("reload", "tidegate")
    assert service.show("MainPID") == main
    service.container.write("/etc/tidegate/tidegate.toml", 'app = "demo"\nworker = 2\n')
    assert service.run("systemctl", "reload", "tidegate").returncode != 0, "the command that asks is told what is wrong"
    assert (service.show("MainPID"), service.answers()) == (main, True)
    service.container.write("/etc/tidegate/tidegate.toml", 'app = "demo"\nworkers = 2\n')


def loses_nothing(service):
    """Restarts, reloads and upgrades under load; between a master and its successor too, which is systemd's child."""
    over, counts = threading.Event(), {True: 0, False: 0}

    def ask():
        while not over.is_set():
            counts[service.answers()] += 1

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for _ in range(3):
            main = service.show("MainPID")
            service.systemctl("kill", "-s", "USR2", "--kill-whom=main", "tidegate")
            eventually("another main process", lambda: service.show("MainPID") != main)
            eventually("the end of the one before", lambda: not service.lives(main))
            service.systemctl("restart", "tidegate")
            service.systemctl("reload", "tidegate")
    finally:
        over.set()
        for client in clients:
            client.join()
    assert counts[False] == 0 and counts[True] > 100, counts
    log = service.log()
    for words in ("reception only permitted", "not our child", "SIGKILL"):
        assert words not in log, log
    print(f"systemd: {counts[True]} requests, none failed", flush=True)


def is_watched(service):
    """A master that is stuck is found by its watchdog, and another takes its place."""
    service.container.write("/run/systemd/system/tidegate.service.d/watch.conf", "[Service]\nWatchdogSec=2\n")
    service.systemctl("daemon-reload")
    service.systemctl("restart", "tidegate")
    main = service.show("MainPID")
    service.run("kill", "-STOP", main)
    eventually("another master", lambda: service.show("MainPID") not in (main, "0") and service.answers())
    assert "Watchdog timeout" in service.log()


def comes_back(service):
    main = service.show("MainPID")
    service.run("kill", "-KILL", main)
    eventually("another master", lambda: service.show("MainPID") not in (main, "0") and service.answers())


def stops(service):
    main = service.show("MainPID")
    service.systemctl("stop", "tidegate.socket", "tidegate.service")
    assert (service.show("ActiveState"), service.show("Result")) == ("inactive", "success")
    assert not service.lives(main) and not service.answers()


class Service:
    """tidegate.service, seen as its operator sees it."""

    def __init__(self, container):
        self.container = container
        self.run = container.run
        self.systemctl = container.systemctl

    def show(self, name):
        return self.run("systemctl", "show", "--value", "-p", name, "tidegate").stdout.strip()

    def answers(self):
        return self.run("/usr/bin/tidegate", "request", f"unix:{SOCKET}", "/hello").stdout == "Hello, World\n"

    def lives(self, pid):
        return self.run("test", "-e", f"/proc/{pid}").returncode == 0

    def log(self):
        lines = self.run("journalctl", "-u", "tidegate", "-o", "json", "--output-fields=MESSAGE").stdout
        return "\n".join(str(json.loads(line)["MESSAGE"]) for line in lines.splitlines())


class Container:
    """A systemd that has just come up."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-systemd-"))
        self.root = self.folder / "root"
        for name in ("root", "above", "work"):
            (self.folder / name).mkdir()
        layers = f"lowerdir=/,upperdir={self.folder}/above,workdir={self.folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root], check=True)
        self.log = open(self.folder / "log", "w+")
        # Of what is installed on this machine no service is started but what systemd itself needs.
        command = ["systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        command += ["-D", self.root, "/lib/systemd/systemd", "systemd.unit=basic.target"]
        self.nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            eventually("systemd", self.is_up)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, failed=True, *_):
        self.nspawn.send_signal(signal.SIGTERM)
        try:
            self.nspawn.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        if failed:
            self.log.seek(0)
            print(self.log.read(), end="")
        subprocess.run(["umount", "--lazy", self.root], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_up(self):
        assert self.nspawn.poll() is None, "systemd-nspawn has ended"
        children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        self.first = children[-1] if children else None
        return self.first and self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def run(self, *command):
        enter = ["nsenter", "--target", self.first, "--all"]
        return subprocess.run([*enter, *command], capture_output=True, text=True, timeout=2 * PATIENCE)

    def systemctl(self, *words):
        done = self.run("systemctl", *words)
        assert done.returncode == 0, f"systemctl {words}: {done.stderr}"

    def install(self, file, place):
        self.write(place, file.read_bytes())
        self.run("chmod", f"{file.stat().st_mode & 0o777:o}", place)

    def write(self, place, content):
        """Through the container's own eyes: what it has mounted is not to be seen from outside."""
        content = content if isinstance(content, bytes) else content.encode()
        script = 'mkdir -p "$(dirname "$0")" && cat >"$0"'
        enter = ["nsenter", "--target", self.first, "--all", "sh", "-c", script, place]
        subprocess.run(enter, input=content, check=True)


def eventually(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"in {PATIENCE} s it never came to this: {what}"
        time.sleep(0.05)


main()
