"""Makes the pictures of README and docs from real runs: `make pictures`."""

import sys
from pathlib import Path

import chart
import runs
import terminal

HERE = Path(__file__).resolve().parent
BYTES_MAX = 40 << 10

# What is set off: p what begins something, s what is soft, h what went wrong.
PROMPT = ("p", r"^\$ .*")
TOP = [PROMPT, ("s", r"^ *WORKER .*"), ("h", r"GET /report.*")]
STEPS = "received|request|environ|call|thread|start_response|write|finished"
TRACE = [PROMPT, ("s", r"^#\d+ +(?:[\d.]+ ms)?"), ("p", rf"(?<=  )(?:{STEPS})(?=  )")]
TIMEOUT = [PROMPT, ("s", r"^\S+Z(?= )"), ("h", r"HTTP/1.1 504 .*|\b(?:ERROR|WARN)\b"), ("p", r"line \d+,? in \w+")]


def pictures():
    """The name of each, and its SVG."""
    page = (HERE.parent / "performance.md").read_text(encoding="utf-8")
    yield from chart.pictures(page)
    yield "top.svg", terminal.picture(runs.top(), "tidegate top: four workers under load, one with a request that hangs", runs.COLUMNS, TOP)
    yield "trace.svg", terminal.picture(runs.trace(), "One request as --trace tells it: packet, variables, call, start_response, write", 100, TRACE)
    yield "timeout.svg", terminal.picture(runs.timeout(), "A request that took too long: the client's 504, and the log with the traceback of every thread", 124, TIMEOUT)


def main():
    for name, svg in pictures():
        size = len(svg.encode())
        if size > BYTES_MAX:
            sys.exit(f"{name} has {size} bytes, more than {BYTES_MAX}: show less")
        (HERE / name).write_text(svg, encoding="utf-8")
        print(f"docs/pictures/{name}: {size} bytes")


if __name__ == "__main__":
    main()
