"""Bodies that a Python application reads."""

import sys

import peers
from rounds import Row, disturbed, measure, stop
from table import Table, aims, cells, ratios

MIB = 1 << 20
# A body's length in MiB, how many a round has (else it has its time), and the aim of uWSGI's CPU.
SIZES = [(10, 0, 1.2), (1024, 1, 2.0)]
ROUNDS = 3  # at most, of the longest
COST = ("server CPU per upload, ms", 2, lambda sample: sample.cpu / 1e3)
FIGURES = [("uploads per second", 1, lambda sample: sample.rate), ("server's core busy, %", 0, lambda sample: sample.busy), COST]
MEMORY = ("peak RSS, MiB", 0, lambda sample: sample.peak)
RATIO = ("÷ uWSGI's", 2)


def measured(bench):
    """Markdown: a table for each length, and sentences on it."""
    there = peers.versions()
    parts, compared = [], []
    for size, number, most in SIZES:
        title = f"{size} MiB" if size < 1024 else f"{size // 1024} GiB"
        print(f"  {title}…", file=sys.stderr)
        body = bench.folder / "body"
        with open(body, "wb") as file:
            for _ in range(size):
                file.write(b"." * MIB)
        ask = ["--data-file", str(body), "--expect", f"{size * MIB}"]
        rows = []
        for peer in peers.PEERS:
            server, address = peers.start(bench, peer, "upload", there)
            rows.append(Row(peer.title, server, peer.protocol, address, ask, number, connections=1, spins=False))
        results = measure(bench, rows, min(bench.rounds, ROUNDS) if number else None)
        stop(rows)
        body.unlink()
        table = Table("server", [figure[:2] for figure in FIGURES] + [RATIO, MEMORY[:2]])
        costs = {row.name: cells(result, [COST])[0] for row, result in zip(rows, results)}
        against = {name: ratios(cost, costs[peers.UWSGI.title]) for name, cost in costs.items()}
        for row, result in zip(rows, results):
            table.add(row.name, [*cells(result, FIGURES), against[row.name], *cells(result, [MEMORY])])
        compared.append((title, against[peers.TIDEGATE.title], most))
        parts.append(f"### {title}\n\n{table.markdown()}\n\n{disturbed(results)}")
    return "\n\n".join([aims("of uWSGI's CPU for an upload", compared), *parts])
