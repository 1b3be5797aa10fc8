"""Many clients and many threads at once, all kinds of requests: each response is its own, and whole."""

import os
import random
import re
import threading

import pytest

from support.server import Client

REQUESTS = int(os.environ.get("STRESS_REQUESTS", 2_000))
CLIENTS = 8


def application(environ, start_response):
    """What the path says; the query is the request's name, which each part of the response has in it."""
    kind, name = environ["PATH_INFO"][1:], environ["QUERY_STRING"]
    owner.name, variable = name, current.set(name)

    def check():
        assert owner.name == name, f"{owner.name} is on the thread of {name}"
        assert current.get() == name, f"{current.get()} is in the context of {name}"

    class Chunks:
        def __init__(self, count, size):
            self.left, self.size = count, size

        def __iter__(self):
            return self

        def __next__(self):
            check()
            if not self.left:
                raise StopIteration
            self.left -= 1
            if kind == "breaks" and self.left == 1:
                raise ValueError(f"broken {name} whole")
            return name.encode().ljust(self.size, b".")

        def close(self):
            check()
            current.reset(variable)
            closed.append(name)

    length = len(environ["wsgi.input"].read()) if kind == "unread" else 0
    assert not length
    if kind == "raises":
        raise ValueError(f"raised {name} whole")
    if kind == "errors":
        environ["wsgi.errors"].write(f"told {name} whole\n")
    write = start_response("200 OK", [("Content-Type", "text/plain"), ("X-Name", name)])
    if kind == "echo":
        body = environ["wsgi.input"]
        return [name.encode(), *iter(lambda: body.read(10_000), b"")]
    if kind == "lines":
        return [name.encode() + b"".join(environ["wsgi.input"])]
    if kind == "writes":
        write(name.encode())
        write(bytearray(name.encode()) * 2_000)
        return Chunks(1, 20)
    if kind == "file":
        file = tempfile.TemporaryFile()
        file.write(name.encode() * 5_000)
        file.seek(0)
        return environ["wsgi.file_wrapper"](file)
    if kind == "computes":
        return [name.encode() + str(sum(number * number for number in range(3_000))).encode()]
    if kind == "naps":
        time.sleep(0.003)
    if kind == "long":
        return Chunks(12, 60_000)
    return Chunks(3, 30)


APPLICATION = (
    "import contextvars, tempfile, threading, time\n"
    "owner, current, closed = threading.local(), contextvars.ContextVar('current', default=''), []",
    application,
)
KINDS = ["hello", "echo", "lines", "writes", "file", "computes", "naps", "long", "breaks", "raises", "errors", "leaves"]


def body(name, count, size):
    return name.encode().ljust(size, b".") * count


def ask(client, kind, name, choose):
    """One request; its response is checked."""
    target = f"/{kind}?{name}"
    if kind == "leaves":
        with client.send("GET", f"/long?{name}") as asked:
            asked.read_until(b"%s." % name.encode())
        return
    sent = b""
    if kind in ("echo", "lines"):
        sent = (name.encode() + b"\n") * choose([1, 100, 30_000])
    response = client.post(target, sent) if sent else client.get(target)
    if kind == "raises":
        assert response.status.startswith("500 "), response
        return
    assert response["X-Name"] == name, (name, response)
    wanted = {
        "echo": lambda: name.encode() + sent,
        "lines": lambda: name.encode() + sent,
        "writes": lambda: name.encode() * 2_001 + body(name, 1, 20),
        "file": lambda: name.encode() * 5_000,
        "computes": lambda: name.encode() + b"8995500500",
        "long": lambda: body(name, 12, 60_000),
        "breaks": lambda: body(name, 1, 30),
    }.get(kind, lambda: body(name, 3, 30))()
    assert response.body == wanted, (kind, name, response.body[:100], len(response.body), len(wanted))
    # What ends a response of uwsgi's is the end of the connection, as a break does.
    assert response.is_complete == (kind != "breaks") or client.scheme == "uwsgi"


@pytest.mark.parametrize("threads", [4, 16])
def test_each_response_is_its_own(threads, scheme, serve):
    """Over the kinds in a random order; what is logged is whole, too."""
    client = serve(*APPLICATION, options=[f"--threads={threads}"])
    failures, told = [], {"errors": set(), "raises": set(), "breaks": set()}

    def run(number):
        choice = random.Random(number)
        try:
            for at in range(REQUESTS // CLIENTS):
                kind, name = choice.choice(KINDS), f"{number}x{at}x{choice.randrange(100_000)}"
                ask(client, kind, name, choice.choice)
                if kind in told:
                    told[kind].add(name)
        except BaseException as failure:
            failures.append(failure)

    clients = [threading.Thread(target=run, args=[number]) for number in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    if failures:
        raise failures[0]
    log = client.server.log()
    for kind, pattern in [
        ("raises", r"ValueError: raised (\S+) whole$"),
        ("breaks", r"ValueError: broken (\S+) whole$"),
        ("errors", r"ERROR worker \d+ \(pid \d+\): told (\S+) whole$"),
    ]:
        assert set(re.findall(pattern, log, re.MULTILINE)) == told[kind]
    assert not re.search("AssertionError|panicked|Already borrowed|RuntimeError", log), log[-5_000:]
    client.server.ignore_log()
