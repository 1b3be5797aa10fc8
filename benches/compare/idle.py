"""What ten thousand connections add that say nothing, and whether the server still answers beside them."""

import sys
import time

import peers
from bench import BUILT, Failed
from protocols import hello
from rounds import Row, Sample
from server import connect
from table import Table

CONNECTIONS = 10_000
PATIENCE = 20  # seconds, for them all to be accepted: a queue that is full costs a second each time
COLUMNS = [("RSS, MiB", 1), (f"RSS added by {CONNECTIONS:,} connections, MiB", 1), ("p50 beside them, µs", 0)]


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
            threads = 4 if peer.package == "gunicorn" else 0
            title = peer.title.partition(",")[0] + (f", {threads} threads" if threads else ", Python" if peer.package == "tidegate" else "")
            yield title, lambda: peers.start(bench, peer, "hello", there, threads)


def cells(bench, row):
    try:
        before = Sample(bench.load(row))
    except Failed as why:
        return [str(why)] * len(COLUMNS)
    held = []
    try:
        # What is asked behind them all is answered when all have been accepted.
        deadline = time.monotonic() + PATIENCE
        while len(held) < CONNECTIONS and time.monotonic() < deadline:
            held.append(connect(row.address))
        if len(held) < CONNECTIONS:
            raise Failed(f"more are not accepted within {PATIENCE} s")
        after = Sample(bench.load(row))
    except (Failed, OSError) as why:
        return [[before.resident]] + [f"it holds up to {len(held):,}: {why}", ""]
    finally:
        for one in held:
            one.close()
    return [[before.resident], [after.resident - before.resident], [after.p50]]
