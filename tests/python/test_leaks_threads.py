"""Nothing is left of a request with four threads: of those that wait, are passed on, dropped or refused neither."""

import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.leaks import COUNT, ask, assert_level, stats
from support.readers import read_together
from support.remote import Remote
from support.server import APPLICATIONS, Client
from support.waiting import eventually

pytestmark = pytest.mark.long
KINDS = """
import itertools, os, time
from kinds import application as kinds, hello

count = itertools.count()

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/held":
        open("held", "a").write(".")
        while not os.path.exists("go"):
            time.sleep(0.01)
        path = environ["PATH_INFO"] = "/hello"
    if path == "/long":
        start_response("200 OK", [])
        return (bytes(32_768) for _ in range(16))
    if path == "/nap":
        time.sleep(0.005)
        path = environ["PATH_INFO"] = "/hello"
    if next(count) % 100 == 0:
        # The others have the loop and the next requests meanwhile.
        time.sleep(0.002)
    return kinds(environ, start_response)
"""


@pytest.fixture
def serve(start, folder, socket_path):
    """All the kinds, with four threads in all. What it has to say of so many requests is not kept."""

    def serve(*options, workers=None):
        folder({"app.py": KINDS})
        listeners = {"http": str(socket_path)}
        options = [f"--threads={4 // (workers or 1)}", f"--pythonpath={APPLICATIONS}", *options]
        return start("app", *options, listeners=listeners, log=Path(os.devnull), workers=workers)

    return serve


def side_by_side(run, count):
    """`run(share)` four times at once; together they do `count`."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, [count // 4] * 4))


@pytest.mark.parametrize(
    "method, kind, status",
    [
        ("GET", "hello", "200"),
        ("GET", "file_wrapper", "200"),
        ("GET", "real_file", "200"),
        ("GET", "generator", "200"),
        ("GET", "Class", "200"),
        ("POST", "read", "200"),
        ("GET", "raises", "500"),
        ("GET", "exits", "500"),
        ("GET", "close_fails", "200"),
    ],
)
def test_of_each_kind(method, kind, status, serve):
    """Over four connections that are kept alive."""
    server = serve()
    listener = server.listeners["http"]
    body = b"first line\nsecond line\nthe third\n" if method == "POST" else b""
    length = len(listener.ask(method, "/" + kind, body=body).raw) - len(b"Connection: close\r\n")
    request = listener.encode(method, "/" + kind, body=body, keep_alive=True)

    def run(share):
        with listener.connect() as connection:
            ask(connection, request, length, status.encode(), share)

    side_by_side(run, 10_000)
    before = stats(server)
    side_by_side(run, COUNT)
    assert_level(before, stats(server), COUNT)


def test_of_bodies_that_are_broken_off(serve):
    """An exception in the middle; each has a connection of its own."""
    server = serve()
    client = Client(server, "http")

    def run(share):
        for _ in range(share):
            assert client.get("/breaks_off").body == b"sent"

    for count in (2_000, COUNT // 4):
        before = stats(server)
        side_by_side(run, count)
    assert_level(before, stats(server), count)


def test_of_slow_readers(serve):
    """Of bodies that are taken ahead, as others want their threads."""
    server = serve()
    client = Client(server, "http")

    def run(count):
        for _ in range(count // 10):
            slow = [client.send("GET", "/long") for _ in range(10)]
            for asked in slow:
                asked.read_until(bytes(1_000))
            assert client.get("/hello").status == "200 OK"
            assert all(len(response.body) == 16 * 32_768 for response in read_together([], slow))

    for count in (200, COUNT // 50):
        before = stats(server)
        run(count)
    assert_level(before, stats(server), COUNT)


@pytest.fixture
def held(tmp_path):
    """`with held(client)` all four threads are in a call."""

    class Held:
        def __init__(self, client):
            self.client = client

        def __enter__(self):
            begun = tmp_path / "held"
            begun.unlink(missing_ok=True)
            (tmp_path / "go").unlink(missing_ok=True)
            self.asked = [self.client.send("GET", "/held") for _ in range(4)]
            eventually("all are held", lambda: begun.exists() and begun.stat().st_size == 4)

        def __exit__(self, *_):
            (tmp_path / "go").touch()
            assert [response.status for response in read_together(self.asked)] == ["200 OK"] * 4

    return Held


def test_of_those_that_are_answered_with_503(serve, held):
    """As no thread came free for them."""
    server = serve("--queue-timeout=0.01")
    client = Client(server, "http")
    for count in (1_000, COUNT // 10):
        before = stats(server)
        with held(client):
            for _ in range(count // 100):
                responses = read_together([client.send("GET", "/hello") for _ in range(100)])
                assert {response.status for response in responses} == {"503 Service Unavailable"}
    assert_level(before, stats(server), count)


def descriptors(server):
    """A count."""
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_of_those_whose_clients_go(serve, held):
    """Before a thread came free for them."""
    server = serve()
    client = Client(server, "http")
    for count in (1_000, COUNT // 10):
        before = stats(server)
        with held(client):
            files = descriptors(server)
            for _ in range(count // 100):
                asked = [client.send("GET", "/hello") for _ in range(100)]
                for one in asked:
                    one.close()
                eventually("they are dropped", lambda: descriptors(server) == files)
    assert_level(before, stats(server), count)


def passed_on(statistics):
    """How many were, since the beginning."""
    metrics = Remote("http", statistics).ask("GET", "/metrics").body.decode()
    return int(re.search(r"^tidegate_requests_passed_on_total(?:{.*})? (\d+)", metrics, re.MULTILINE)[1])


# Requests on a connection, before another takes its place.
ON_ONE = 100


def test_of_those_that_are_passed_on(serve, socket_path):
    """From a worker whose threads are all in a call to another: neither keeps anything of them."""
    statistics = f"unix:{socket_path}.stats"
    server = serve(f"--stats={statistics}", workers=2)
    master = server.process.pid
    pids = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    assert len(pids) == 2, pids

    def hold():
        return [
            {
                "files": len(os.listdir(f"/proc/{pid}/fd")),
                "resident": int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
            }
            for pid in pids
        ]

    listener = server.listeners["http"]
    request = listener.encode("GET", "/nap", keep_alive=True)
    length = len(listener.ask("GET", "/nap").raw) - len(b"Connection: close\r\n")

    def run(share):
        # Four connections in all for four threads. How they are spread over the workers is the system's affair: new ones are spread
        # anew, and where that is unequal, a request waits at one worker while a thread of the other is idle.
        for _ in range(share // ON_ONE):
            connection = listener.connect()
            for _ in range(ON_ONE):
                connection.sendall(request)
                assert connection.recv(length, socket.MSG_WAITALL).startswith(b"HTTP/1.1 200 ")
            connection.close()

    def settled(before):
        after = hold()
        # Those before may have had some that were about to be closed.
        return after if all(one["files"] <= other["files"] for one, other in zip(after, before)) else None

    count = COUNT // 5
    side_by_side(run, 2_000)
    before, passed_before = hold(), passed_on(statistics)
    side_by_side(run, count)
    assert passed_on(statistics) - passed_before > 0
    after = eventually("no connection is left", lambda: settled(before))
    print(f"{passed_on(statistics) - passed_before} of {count} were passed on: {before}, {after}")
    for one, other in zip(before, after):
        assert other["resident"] - one["resident"] < (1 << 20) + count * 2, (before, after)
