"""The protocols, one by one and directly: which costs what, beside the floor and a hyper hello."""

from bench import BUILT
from rounds import Row, disturbed, measure, stop
from table import Table, aims, cells, ratios

COST = ("server CPU per request, µs", 2, lambda sample: sample.cpu)
FIGURES = [
    ("requests per second", 0, lambda sample: sample.rate),
    ("p50, µs", 1, lambda sample: sample.p50),
    ("p99, µs", 1, lambda sample: sample.p99),
    ("server's core busy, %", 0, lambda sample: sample.busy),
    COST,
    ("RSS, MiB", 2, lambda sample: sample.resident),
]

# What is compared with what, and the most that it should cost.
AIMS = [("uwsgi", "floor", 1.15), ("HTTP, kept alive", "hyper, kept alive", 0.83), ("HTTP, kept alive, TCP", "hyper, kept alive, TCP", 0.83)]


def measured(bench):
    """Markdown: the table, and sentences on it."""
    rows = all_rows(bench)
    results = measure(bench, rows)
    stop(rows)
    table = Table("protocol", [figure[:2] for figure in FIGURES])
    for row, result in zip(rows, results):
        table.add(row.name, cells(result, FIGURES))
    costs = {row.name: cells(result, [COST])[0] for row, result in zip(rows, results)}
    compared = [(f"{name} ÷ {base}", ratios(costs[name], costs[base]), most) for name, base, most in AIMS]
    return f"{table.markdown()}\n\n{disturbed(results)} {aims('of the CPU for a request', compared)}"


def all_rows(bench):
    floors = {name: bench.tcp() if "TCP" in name else bench.unix() for name in ("floor", "floor, kept alive", "floor, kept alive, TCP")}
    hyper = {"hyper, kept alive": bench.unix(), "hyper, kept alive, TCP": bench.tcp()}
    ours = {
        "uwsgi": ("uwsgi", bench.unix()),
        "SCGI": ("scgi", bench.unix()),
        "FastCGI, kept alive": ("fastcgi", bench.unix()),
        "HTTP, kept alive": ("http", bench.unix()),
        "HTTP, kept alive, TCP": ("http", bench.tcp()),
    }
    tidegate = hello(bench, ours.values())
    peer = bench.start([str(BUILT / "hyper-peer"), *hyper.values()], hyper.values())

    def floor(name):
        kept = ["--keep-alive"] if "kept" in name else []
        server = bench.start([str(BUILT / "floor"), floors[name], *kept], [floors[name]])
        return Row(name, server, "http" if kept else "uwsgi", floors[name])

    def own(name):
        return Row(name, tidegate, *ours[name])

    def of_hyper(name):
        return Row(name, peer, "http", hyper[name])

    # Each beside what it is compared with.
    return [
        floor("floor"),
        own("uwsgi"),
        own("SCGI"),
        floor("floor, kept alive"),
        own("FastCGI, kept alive"),
        own("HTTP, kept alive"),
        of_hyper("hyper, kept alive"),
        floor("floor, kept alive, TCP"),
        own("HTTP, kept alive, TCP"),
        of_hyper("hyper, kept alive, TCP"),
    ]


def hello(bench, listeners, *options):
    """Tidegate's hello in Rust, in one process, on these pairs of a protocol and an address."""
    listens = [word for protocol, address in listeners for word in (f"--{protocol}", address)]
    command = [str(BUILT / "tidegate"), "serve", "hello", "--workers", "0", *options, *listens]
    return bench.start(command, [address for _, address in listeners])
