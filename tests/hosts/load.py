"""The load, from a machine of its own: `tidegate bench`."""

import json
import signal
import subprocess

from host import TIDEGATE


class Load:
    """Requests, until it is ended."""

    def __init__(self, machine, address, rate=None, connections=64, keep=True, server=None, method="GET"):
        command = [TIDEGATE, "bench", f"http://{address}:80", "/", "--json", "--warm-up", 0, "-d", 600, "-c", connections, "--timeout", 20]
        command += ["--rate", rate] if rate else []
        command += ["--method", method, "--data", "x"] if method == "POST" else []
        command += [] if keep else ["--close"]
        command += ["--pid", server] if server else []
        self.process = subprocess.Popen(machine.command(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def runs(self):
        return self.process.poll() is None

    def end(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        assert out.startswith("{"), f"tidegate bench: {err}"
        return Figures(json.loads(out))


class Figures:
    """What came of a load."""

    def __init__(self, json):
        # Seconds of the processor for each request, of the process that was named.
        self.server = json["server"]
        self.seconds, self.statuses = json["seconds"], json["statuses"]
        self.good = json["requests"]
        # What was under way when it was ended is no failure.
        self.failed = {kind: count for kind, count in json["failed"].items() if count and kind not in ("all", "unsent")}
        self.p99, self.longest = json["latency"].get("p99"), json["latency"].get("p99.9")

    def per_second(self):
        return self.good / self.seconds

    def __str__(self):
        p99 = f", p99 {self.p99 * 1e3:.0f} ms" if self.p99 else ""
        failed = ", ".join(f"{count} {kind}" for kind, count in self.failed.items()) or "0 failed"
        return f"{self.good} answered, {failed}, {self.per_second():.0f}/s{p99}"
