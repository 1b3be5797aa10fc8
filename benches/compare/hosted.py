"""Python applications, each served by all."""

import sys
from dataclasses import dataclass

import peers
import visitors
from rounds import Row, disturbed, measure, stop
from table import Table, aims, cells, ratios

COST = ("server CPU per request, µs", 1, lambda sample: sample.cpu)
FIGURES = [
    ("requests per second", 0, lambda sample: sample.rate),
    ("p50, µs", 0, lambda sample: sample.p50),
    ("p99, µs", 0, lambda sample: sample.p99),
    ("server's core busy, %", 0, lambda sample: sample.busy),
    COST,
]
MEMORY = ("RSS, MiB", 1, lambda sample: sample.resident)
RATIO = ("÷ uWSGI's", 2)

FEW = 4  # threads, where a row has some for no reason of its application


@dataclass(frozen=True)
class Application:
    title: str
    module: str  # in fixtures/python/bench
    aim: float  # of uWSGI's CPU for a request, at most
    reply: str = "Hello, World"
    package: str = ""  # what must be installed for it
    threads: int = 0  # of all servers that have threads
    long: bool = False  # whether replies are


APPLICATIONS = [
    Application("hello", "hello", 0.85),
    Application("Django view", "django_view", 1.0, '{"message": "Hello, World"}', "Django"),
    Application("Flask hello", "flask_view", 1.0, package="Flask"),
    Application("waits 10 ms, 8 threads", "waits", 1.0, threads=8),
    Application("1 MiB in 64 KiB chunks", "chunks", 1.0, "." * 64, long=True),
]


def measured(bench):
    """Markdown: of each application the table, and sentences on it."""
    there = peers.versions()
    parts, compared = [], []
    for application in APPLICATIONS:
        if application.package and application.package.lower() not in there:
            parts.append(f"{application.title} is left out: {application.package} is not installed.")
            continue
        print(f"  {application.title}…", file=sys.stderr)
        rows = [row(bench, application, peer, threads, there) for peer, threads in variants(application)]
        results = measure(bench, rows)
        stop(rows)
        table = Table("server", [figure[:2] for figure in FIGURES] + [RATIO, MEMORY[:2]])
        costs = {row.name: cells(result, [COST])[0] for row, result in zip(rows, results)}
        against = {name: ratios(cost, costs[peers.UWSGI.title]) for name, cost in costs.items()}
        for one, result in zip(rows, results):
            table.add(one.name, [*cells(result, FIGURES), against[one.name], *cells(result, [MEMORY])])
        compared.append((application.title, against[peers.TIDEGATE.title], application.aim))
        parts.append(f"### {application.title}\n\n{table.markdown()}\n\n{disturbed(results)}")
    return "\n\n".join([aims("of uWSGI's CPU for a request", compared), *parts])


def variants(application):
    """Each server with its threads: the plain one, and with several where that is asked for."""
    for peer in peers.PEERS:
        if application.threads and peer.threads:
            yield peer, application.threads
            continue
        yield peer, 0
        if peer in peers.ALSO_WITH_THREADS and not application.threads:
            yield peer, FEW


def row(bench, application, peer, threads, there):
    server, address = peers.start(bench, peer, application.module, there, threads)
    name = peer.title if threads == application.threads else f"{peer.title}, {threads or 'no'} threads"
    ask = [*visitors.asking(bench.folder), "--expect", application.reply]
    return Row(name, server, peer.protocol, address, ask, spins=not application.long)
