"""A service, seen as its operator sees it."""

import json
import threading

from container import eventually

TIDEGATE = "/usr/bin/tidegate"


class Service:
    def __init__(self, container, name, socket):
        self.container, self.name, self.socket = container, name, socket
        self.config = f"/etc/tidegate/{name.removeprefix('tidegate@')}.toml"
        self.run = container.run
        self.systemctl = container.systemctl

    def configure(self, settings):
        self.container.write(self.config, settings)

    def enable(self):
        self.systemctl("enable", "--now", f"{self.name}.socket", f"{self.name}.service")

    def stop(self):
        self.systemctl("stop", f"{self.name}.socket", f"{self.name}.service")

    def reload(self):
        return self.run("systemctl", "reload", self.name)

    def show(self, name):
        return self.run("systemctl", "show", "--value", "-p", name, self.name).stdout.strip()

    def ask(self, path):
        return self.run(TIDEGATE, "request", f"unix:{self.socket}", path).stdout

    def answers(self):
        return self.ask("/hello") == "Hello, World\n"

    def lives(self, pid):
        return self.run("test", "-e", f"/proc/{pid}").returncode == 0

    def workers(self):
        """The processes below the main one."""
        return set(self.run("pgrep", "-P", self.show("MainPID")).stdout.split())

    def user(self):
        return self.run("ps", "-o", "user:32=", "-p", self.show("MainPID")).stdout.strip()

    def log(self):
        lines = self.run("journalctl", "-u", self.name, "-o", "json", "--output-fields=MESSAGE").stdout
        return "\n".join(str(json.loads(line)["MESSAGE"]) for line in lines.splitlines())

    def upgrade(self, act):
        """Does what has another main process take the place of this one, and waits for it."""
        main = self.show("MainPID")
        act()
        eventually("another main process", lambda: self.show("MainPID") not in (main, "0"))
        eventually("the end of the one before", lambda: not self.lives(main))


class Asked:
    """Clients that ask a service all the time; at the end none of their requests has failed."""

    def __init__(self, service, answers=None):
        self.answers, self.over, self.counts = answers or service.answers, threading.Event(), {True: 0, False: 0}

    def __enter__(self):
        self.clients = [threading.Thread(target=self.ask) for _ in range(4)]
        for client in self.clients:
            client.start()

    def ask(self):
        while not self.over.is_set():
            self.counts[self.answers()] += 1

    def __exit__(self, failed, *_):
        self.over.set()
        for client in self.clients:
            client.join()
        if not failed:
            assert self.counts[False] == 0 and self.counts[True] > 20, self.counts
            print(f"systemd: {self.counts[True]} requests, none failed", flush=True)
