"""docs/performance.md and its charts: the template, with what was measured and on what."""

import os
import platform
import string
import sys
import time
from pathlib import Path

import front
import peers
from bench import ROOT

PICTURES = ROOT / "docs" / "pictures"
sys.path.insert(0, str(PICTURES))
import chart  # noqa: E402

PAGE = ROOT / "docs" / "performance.md"
TEMPLATE = Path(__file__).parent / "performance.md"


def write(bench, measured):
    """Writes both; `measured` is the Markdown of each part, by its name."""
    page = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(measured, conditions=conditions(bench))
    PAGE.write_text(page, encoding="utf-8")
    for name, svg in chart.pictures(page):
        (PICTURES / name).write_text(svg, encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} and its charts are written", file=sys.stderr)


def conditions(bench):
    """What the figures hold for."""
    cores = "the server on one core, the load on the other"
    if bench.load_core is None:
        cores = "server and load on ONE core, so that no figure is worth much"
    lines = [
        f"{time.strftime('%-d %B %Y')}, {machine()}; {cores}",
        f"{bench.connections} requests at once; medians of {bench.rounds} rounds of {bench.seconds:g} s, taken in turns; a ratio is the median of the rounds' ratios",
        versions(),
    ]
    return "\n".join(f"- {line}" for line in lines)


def machine():
    cpus = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    model = cpus[0] if cpus else platform.machine()
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Linux {platform.release()}"


def versions():
    there = peers.versions()
    names = [*{peer.package for peer in peers.PEERS if peer.package != "tidegate"}, "Django", "Flask"]
    missing = [name for name in names if name.lower() not in there]
    told = [front.version()] + [f"{name} {there[name.lower()]}" for name in sorted(names, key=str.lower) if name.lower() in there]
    python = peers.python()
    text = ", ".join(word for word in [python, *told] if word)
    return text + "".join(f"; {name} could not be installed" for name in missing)
