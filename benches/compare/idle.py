"""What ten thousand connections add that say nothing, and whether the server still answers beside them."""

import sys

import peers
from bench import BUILT, Failed
from protocols import hello
from rounds import Row, Sample
from server import connect
from table import Table

CONNECTIONS = 10_000
STEP = 250  # fewer than any server's queue of those that it has not accepted yet
COLUMNS = [("RSS, MiB", 1), (f"RSS added by {CONNECTIONS:,} connections, MiB", 1), ("p50 beside them, µs", 0)]
REQUEST = b"GET / HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n"


def measured(bench):
    """Markdown: the table."""
    there = peers.versions()
    table = Table("server, HTTP over TCP", COLUMNS)
    for name, start in starts(bench, there):
        print(f"  {name}…", file=sys.stderr)
        server, address = start()
        row = Row(name, server, "http", address)
        table.add(name, [server] * len(COLUMNS) if isinstance(server, str) else cells(bench, row))
        if not isinstance(server, str):
            server.stop()
    return table.markdown()


def starts(bench, there):
    """The name of each, and how it is started."""
    at = bench.tcp()
    yield "floor", lambda: (bench.start([str(BUILT / "floor"), at, "--keep-alive"], [at]), at)
    yield "tidegate, Rust", lambda: (hello(bench, [("http", at)]), at)
    yield "hyper", lambda: (bench.start([str(BUILT / "hyper-peer"), at], [at]), at)
    for peer in peers.PEERS:
        if peer.protocol == "http":
            # Without threads gunicorn has one connection at a time.
            threads = 4 if peer.package == "gunicorn" else 0
            kind = f", {threads} threads" if threads else ", Python" if peer.package == "tidegate" else ""
            yield peer.title.replace(", HTTP", kind), lambda: peers.start(bench, peer, "hello", there, threads)


def cells(bench, row):
    held = []
    try:
        before = Sample(bench.load(row))
        while len(held) < CONNECTIONS:
            held += [connect(row.address) for _ in range(STEP)]
            # What is asked behind them all is answered when all have been accepted.
            answer(row.address)
        after = Sample(bench.load(row))
    except (Failed, OSError) as why:
        return [f"with {len(held):,} it answers no more: {why}"] * len(COLUMNS)
    finally:
        for one in held:
            one.close()
    return [[before.resident], [after.resident - before.resident], [after.p50]]


def answer(address):
    with connect(address) as one:
        one.sendall(REQUEST)
        if not one.recv(4096):
            raise Failed("closed without a reply")
