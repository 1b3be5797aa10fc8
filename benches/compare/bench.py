"""What every part of the comparison stands on: two cores, a folder, servers, and `tidegate bench` for the load."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from server import NotStarted, Server

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "target" / "release"
VENV = ROOT / "target" / "venv-bench"

WARM_UP = 0.2  # seconds
REPLY = 30  # seconds, for one reply
PATIENCE = 120  # seconds, for a run; only a failure takes that long


class Bench:
    """One run of the comparison; what it has started ends with the block."""

    def __init__(self, rounds, seconds, connections):
        self.rounds, self.seconds, self.connections = rounds, seconds, connections
        self._cores = os.sched_getaffinity(0)
        cores = sorted(self._cores)
        # The first core has most interrupts: the server gets another. One alone is shared, which the document says.
        self.load_core, self.server_core = (cores[0], cores[1]) if len(cores) > 1 else (None, None)

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="tide")
        self.folder = Path(self._folder.name)
        # Ten thousand idle connections, at both ends.
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._limits[1], self._limits[1]))
        if self.load_core is not None:
            os.sched_setaffinity(0, {self.load_core})
        self._numbers, self._servers = 0, []
        # What was started ends, too, when this is told to.
        self._handler = signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        return self

    def __exit__(self, *_):
        for server in self._servers:
            server.stop()
        self._folder.cleanup()
        # The process may go on to something else, as the one that runs the tests does.
        signal.signal(signal.SIGTERM, self._handler)
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)
        os.sched_setaffinity(0, self._cores)

    def start(self, command, addresses):
        """A server that listens at all addresses; or, as a text, why there is none."""
        log = self.folder / f"{Path(command[0]).name}-{self.next_number()}.log"
        try:
            server = Server(command, addresses, log, self.server_core)
        except NotStarted as why:
            return str(why)
        self._servers.append(server)
        return server

    def unix(self):
        """A path for a socket."""
        return str(self.folder / f"{self.next_number()}.sock")

    def tcp(self):
        """A port of the loopback that was free a moment ago."""
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return "127.0.0.1:%d" % one.getsockname()[1]

    def next_number(self):
        self._numbers += 1
        return self._numbers

    def load(self, row):
        """One run of `tidegate bench`; its JSON."""
        amount = ["-n", str(row.number)] if row.number else ["-d", str(self.seconds), "--warm-up", str(WARM_UP)]
        command = [str(BUILT / "tidegate"), "bench", f"{row.protocol}://{row.address}", "--json", "--pid", str(row.watched.pid)]
        command += ["-c", str(row.connections or self.connections), "--timeout", str(REPLY), *amount, *row.ask]
        if self.load_core is not None:
            command += ["--cpus", str(self.load_core)] + (["--spin"] if row.spins else [])
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed(f"tidegate bench has not ended after {PATIENCE} s") from None
        if ran.returncode != 0:
            raise Failed(reason(ran.stderr) or f"tidegate bench ended with {ran.returncode}")
        told = json.loads(ran.stdout)
        if told["failed"]["all"]:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in told["failed"].items() if count and kind != "all")
            raise Failed(f"of {told['requests'] + told['failed']['all']:,} requests failed: {kinds}")
        return told


class Failed(Exception):
    """A run without figures, and why."""


def reason(told):
    """What is wrong, of what the command says: not where, which is known, and not what to do about it."""
    lines = told.strip().splitlines() or [""]
    return re.sub(r"^tidegate: (\w+://\S+: )?|: ask for another PATH.*$", "", lines[-1])
