"""What `make bench` runs: Tidegate beside a bare loop, hyper, nginx, and the other servers of Python applications.

All of it makes docs/performance.md and its charts. With an option it is a quick look, which is printed and changes nothing.
"""

import argparse
import sys

import document
import front
import hosted
import idle
import protocols
import uploads
from bench import BUILT, Bench

# In the document's order.
PARTS = {"python": hosted, "protocols": protocols, "nginx": front, "uploads": uploads, "idle": idle}
ROUNDS, SECONDS, CONNECTIONS = 5, 0.8, 16


def main():
    options = parse()
    if not (BUILT / "tidegate").exists():
        sys.exit(f"{BUILT}/tidegate is missing: `make bench` builds it")
    names = options.only or list(PARTS)
    with Bench(options.rounds or ROUNDS, options.seconds or SECONDS, options.connections or CONNECTIONS) as bench:
        measured = {}
        for name in names:
            print(f"{name}…", file=sys.stderr)
            measured[name] = PARTS[name].measured(bench)
        if not any(vars(options).values()):
            return document.write(bench, measured)
        print("\n\n".join([document.conditions(bench), *measured.values()]))


def parse():
    parser = argparse.ArgumentParser(prog="benches/compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=parts, metavar="PARTS", help=f"measure these, with commas between: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=at_least_one, metavar="N", help=f"the figures are medians of so many [{ROUNDS}]")
    parser.add_argument("--seconds", type=seconds, metavar="N", help=f"of one round of one server [{SECONDS:g}]")
    parser.add_argument("--connections", type=at_least_one, metavar="N", help=f"requests in flight [{CONNECTIONS}]")
    return parser.parse_args()


def parts(text):
    names = text.split(",")
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"there is no part {name!r}: write {', '.join(PARTS)}")
    return names


def at_least_one(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a number from 1 on")
    return int(text)


def seconds(text):
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0.1 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r}: write seconds, from 0.1 to 3600")
    return number


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
