"""Rows of a table are measured in rounds, each in turns, so that what disturbs the machine disturbs all of them."""

import sys
from dataclasses import dataclass, field
from typing import Any

from bench import Failed

MIB = 1 << 20


@dataclass
class Row:
    """What is asked of a server."""

    name: str
    server: Any  # a Server; or, as a text, why there is none
    protocol: str
    address: str
    ask: list = field(default_factory=list)  # arguments of tidegate bench
    number: int = 0  # requests of a round, in place of its time
    connections: int = 0  # in place of the bench's
    spins: bool = True  # where replies or bodies are long, a generator that never sleeps disturbs the server
    beside: Any = None  # the server whose cost is told, where it is another one

    @property
    def watched(self):
        return self.beside or self.server


class Sample:
    """The figures of one round; times in µs."""

    def __init__(self, told):
        server, latency = told["server"], told["latency"]
        self.rate = told["rate"]
        # A percentile that no request lies beyond is not told.
        self.p50, self.p99 = (latency.get(name, latency["longest"]) * 1e6 for name in ("p50", "p99"))
        self.cpu = server["cpu_per_request"] * 1e6
        self.busy = 100 * server["cpu_seconds"] / told["seconds"]
        self.peak, self.resident = server["peak_bytes"] / MIB, server["resident_bytes"] / MIB
        generator = told["generator"]
        self.waited = max(waited or 0 for waited in generator["waited_seconds"]) > 0.02 * told["seconds"]
        self.stolen = (generator["stolen"] or 0) > 0.01


def measure(bench, rows, rounds=None):
    """For each row its samples, one a round, of the bench's rounds or so many; or, as a text, why it has none. One that fails is out."""
    results = [row.server if isinstance(row.server, str) else [] for row in rows]
    for round in range(rounds or bench.rounds):
        for turn in range(len(rows)):
            at = (round + turn) % len(rows)
            row = rows[at]
            if isinstance(results[at], str):
                continue
            try:
                results[at].append(Sample(bench.load(row)))
            except Failed as why:
                print(f"  {row.name} is out: {why}; it says: {row.server.log.read_text()[-500:]}", file=sys.stderr)
                results[at] = str(why)
    return results


def stop(rows):
    for server in {id(row.server): row.server for row in rows if not isinstance(row.server, str)}.values():
        server.stop()


def disturbed(results):
    """A sentence on the rounds that others have disturbed."""
    samples = [sample for result in results if not isinstance(result, str) for sample in result]
    waited, stolen = sum(sample.waited for sample in samples), sum(sample.stolen for sample in samples)
    found = [(waited, "the generator waited for its core"), (stolen, "another machine had more than a hundredth of the hardware's time")]
    told = " and ".join(f"in {count} {what}" for count, what in found if count)
    return f"Of {len(samples)} runs, {told}." if told else f"Nothing disturbed the {len(samples)} runs."
