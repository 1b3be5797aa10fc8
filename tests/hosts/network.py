"""Hosts of their own on one machine: network namespaces with addresses, joined by a bridge in another one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from wire import Wire

NETWORK = "10.0.0"


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Network:
    """All namespaces of one run; they go with it."""

    def __init__(self):
        clear()
        # An end by SIGTERM takes all of it away too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.name = f"tghosts{os.getpid()}"
        self.switch, self.machines, self.wires = f"{self.name}-switch", {}, []
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", self.switch, "link", "set", "bridge", "up")

    def add(self, name, number):
        """A machine with the address of this number."""
        machine = Machine(self, f"{self.name}-{name}", f"{NETWORK}.{number}", f"port{number}")
        ip("netns", "add", machine.namespace)
        inner, outer = f"tgi{number}p{os.getpid()}"[:15], f"tgo{number}p{os.getpid()}"[:15]
        ip("link", "add", inner, "type", "veth", "peer", "name", outer)
        machine.plug(inner, outer)
        self.machines[name] = machine
        return machine

    def close(self):
        for wire in self.wires:
            wire.close()
        for machine in self.machines.values():
            ip("netns", "del", machine.namespace)
        ip("netns", "del", self.switch)


class Machine:
    def __init__(self, network, namespace, address, port):
        self.network, self.namespace, self.address, self.port = network, namespace, address, port

    def plug(self, inner, outer):
        """One end of a cable is this machine's only interface, the other is in the switch."""
        for end, place, name in ((inner, self.namespace, "eth0"), (outer, self.network.switch, self.port)):
            ip("link", "set", end, "netns", place)
            ip("-n", place, "link", "set", end, "name", name)
        ip("-n", self.network.switch, "link", "set", self.port, "master", "bridge")
        ip("-n", self.network.switch, "link", "set", self.port, "up")
        ip("-n", self.namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        for interface in ("lo", "eth0"):
            ip("-n", self.namespace, "link", "set", interface, "up")

    def plug_wire(self, delay, loss):
        """A long wire in place of the cable. The hardware's address stays: others remember it."""
        shown = json.loads(self.run("ip", "-j", "link", "show", "eth0").stdout)[0]
        ip("-n", self.namespace, "link", "del", "eth0")
        wire = Wire(self.port, delay, loss)
        self.network.wires.append(wire)
        ip("link", "set", wire.ends[0], "address", shown["address"])
        self.plug(*wire.ends)

    def cut(self):
        ip("-n", self.network.switch, "link", "set", self.port, "down")

    def join(self):
        ip("-n", self.network.switch, "link", "set", self.port, "up")

    def command(self, *words):
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def run(self, *words):
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=30)


def why_not():
    """Why this machine has no such networks; nothing if it has."""
    if os.geteuid() != 0:
        return "it needs root"
    name = f"tghosts{os.getpid()}-try"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except OSError as error:
        return str(error)
    return None if Path("/dev/net/tun").exists() else "there is no /dev/net/tun"


def clear():
    """Takes away what a run has left that was killed."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    for name in (line.split()[0] for line in listed.splitlines()):
        number = name.removeprefix("tghosts").split("-")[0]
        if name.startswith("tghosts") and number.isdigit() and not Path(f"/proc/{number}").exists():
            inside = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout
            for process in map(int, inside.split()):
                os.kill(process, signal.SIGKILL)
            ip("netns", "del", name)
