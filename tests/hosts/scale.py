"""How throughput grows with hosts, each bound to a share of the machine's processors: the table and the chart of
docs/scale.md. As root, on a quiet machine: python3 -B tests/hosts/scale.py
"""

import errno
import os
import re
import sys
import time
from pathlib import Path

from host import ROOT, eventually
from scene import Scene

sys.path.insert(0, str(ROOT / "docs" / "pictures"))
import chart  # noqa: E402

# The share of a processor that each host has, and what a request computes: some 0.6 ms.
SHARE, SPIN = 0.3, 40_000
PERIOD = 10_000
SECONDS = 5
HEADING = "### With more hosts"


class Bound:
    """A control group with a share of a processor; version 2 of them, or 1."""

    def __init__(self, name):
        whole = Path("/sys/fs/cgroup")
        self.path = (whole / "cpu" if (whole / "cpu").is_dir() else whole) / f"tghosts{os.getpid()}-{name}"
        self.path.mkdir()
        quota = int(SHARE * PERIOD)
        if (self.path / "cpu.max").exists():
            (self.path / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (self.path / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self.path / "cpu.cfs_quota_us").write_text(str(quota))

    def remove(self):
        """As soon as its last process is gone, which was killed."""

        def is_removed():
            try:
                self.path.rmdir()
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                return False
            return True

        eventually("its processes are gone", is_removed)


def measured(scene, rate=None):
    load = scene.load(rate=rate, connections=48 if rate else 24, server=scene.proxy.process.pid)
    time.sleep(SECONDS)
    figures = load.end()
    assert not figures.failed, f"{figures}: {figures.statuses}"
    return figures


def rows(way):
    """For 1, 2 and 3 hosts: the most that they answer a second, p99 at 0.7 of it, and what the proxy takes for each."""
    with Scene(way, quick=False) as scene:
        bounds = [Bound(host.name) for host in scene.hosts]
        try:
            for host, bound in zip(scene.hosts, bounds):
                host.stop()
                host.group = bound.path
                host.start(work=0, spin=SPIN)
            for count in (1, 2, 3):
                scene.proxy.reload(scene.proxy.with_first(count))
                time.sleep(1)
                most = measured(scene)
                usual = measured(scene, rate=0.7 * most.per_second())
                yield count, most.per_second(), usual.p99 * 1e3, usual.server["cpu_per_request"] * 1e6
        finally:
            for host in scene.hosts:
                host.kill()
            for bound in bounds:
                bound.remove()


def main():
    lines = [
        "| hosts | answers a second | of one host | p99 at 0.7 of that, ms | nginx's processor time for each, µs |",
        "| --- | --- | --- | --- | --- |",
    ]
    first = None
    for count, most, p99, proxy in rows("nginx-uwsgi"):
        first = first or most
        lines.append(f"| {count} | {most:.0f} | {most / first:.2f} | {p99:.0f} | {proxy:.0f} |")
        print(lines[-1], flush=True)
    page = ROOT / "docs" / "scale.md"
    text = page.read_text(encoding="utf-8")
    before, heading, behind = text.partition(f"\n{HEADING}\n")
    text = before + heading + re.sub(r"(?:^\|.*\n)+", "\n".join(lines) + "\n", behind, count=1, flags=re.MULTILINE)
    page.write_text(text, encoding="utf-8")
    bars = chart.Chart(
        f"Answers a second by so many hosts, each with {SHARE} of a processor", "answers a second", {HEADING: ""}, ""
    )
    (ROOT / "docs" / "pictures" / "scale.svg").write_text(chart.picture(bars, text), encoding="utf-8")


if __name__ == "__main__":
    main()
