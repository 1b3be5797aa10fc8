"""All four protocols through nginx: which of them should a front end take?"""

import re
import shutil
import subprocess
from pathlib import Path

from bench import ROOT
from protocols import hello
from rounds import Row, disturbed, measure, stop
from table import Table, cells

# The rows' names, the protocol behind nginx, and the location that leads there.
ROWS = [
    ("`uwsgi_pass`", "uwsgi", "/uwsgi"),
    ("`scgi_pass`", "scgi", "/scgi"),
    ("`fastcgi_pass`, keepalive", "fastcgi", "/fastcgi"),
    ("`proxy_pass`, HTTP, keepalive", "http", "/http"),
]
COST = ("", 2, lambda sample: sample.cpu)
FIGURES = [
    ("requests per second", 0, lambda sample: sample.rate),
    ("p50, µs", 0, lambda sample: sample.p50),
    ("p99, µs", 0, lambda sample: sample.p99),
]
COSTS = [("nginx CPU per request, µs", 2), ("server CPU per request, µs", 2), ("sum, µs", 2)]


def measured(bench):
    """Markdown: the table, and a sentence on it."""
    sockets = {protocol: bench.unix() for _, protocol, _ in ROWS}
    front = bench.tcp()
    # HTTP has no word for the address of a request's client: as docs/nginx.md has it, the proxy says it in headers and is
    # believed, so that all four protocols tell the application the same.
    tidegate = hello(bench, sockets.items(), "--trusted-proxy", "127.0.0.1")
    nginx = start(bench, front, sockets)
    if isinstance(tidegate, str):
        nginx = tidegate
    # Each twice: `tidegate bench` tells the cost of one process and its children.
    rows = [Row(name, nginx, "http", front, [path], beside=watched) for name, _, path in ROWS for watched in (nginx, tidegate)]
    results = measure(bench, rows)
    stop(rows)
    if not isinstance(tidegate, str):
        tidegate.stop()
    table = Table("through nginx", [figure[:2] for figure in FIGURES] + COSTS)
    for (name, _, _), of_nginx, of_tidegate in zip(ROWS, results[::2], results[1::2]):
        costs = [cells(result, [COST])[0] for result in (of_nginx, of_tidegate)]
        reasons = [cost for cost in costs if isinstance(cost, str)]
        total = reasons[0] if reasons else [sum(pair) for pair in zip(*costs)]
        table.add(name, [*cells(of_nginx, FIGURES), *costs, total])
    return f"{table.markdown()}\n\n{disturbed(results)}"


def version():
    """nginx's, with its name; or none."""
    first = settings().splitlines()[:1]
    return first[0].rpartition(" ")[2].replace("/", " ") if first else None


def settings():
    """What `nginx -V` says: its version and how it was built."""
    program = find()
    return subprocess.run([program, "-V"], capture_output=True, text=True).stderr if program else ""


def find():
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def start(bench, front, sockets):
    if not find():
        return "nginx is not installed"
    shipped = re.search(r"--conf-path=(\S+)", settings())
    if not shipped:
        return "nginx -V does not say where its scgi_params are"
    folder = bench.folder / "nginx"
    folder.mkdir()
    file = folder / "nginx.conf"
    text = (Path(__file__).parent / "nginx.conf").read_text()
    values = {"FRONT": front, "OURS": str(ROOT), "SHIPPED": str(Path(shipped[1]).parent), **{name.upper(): at for name, at in sockets.items()}}
    file.write_text(re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], text))
    return bench.start([find(), "-p", str(folder), "-c", str(file), "-e", "stderr"], [front])
