"""Nothing is left of a request: after many of a kind the process is as it was."""

import json
import os
from pathlib import Path

import pytest

from support.server import APPLICATIONS, Client
from support.waiting import eventually

# Of each kind, over connections that are kept alive.
COUNT = int(os.environ.get("LEAK_REQUESTS", 100_000))
# Sent at once, so that the client is no brake; fewer than fill a socket's buffers.
BATCH = 50

KEPT_ALIVE = [
    ("GET", "hello", "200"),
    ("HEAD", "hello", "200"),
    ("GET", "bytes_head", "200"),
    ("GET", "generator", "200"),
    ("GET", "Class", "200"),
    ("GET", "views", "200"),
    ("POST", "read", "200"),
    ("POST", "lines", "200"),
    ("POST", "unread", "200"),
    ("GET", "file_wrapper", "200"),
    ("GET", "real_file", "200"),
    ("HEAD", "real_file", "200"),
    ("GET", "write", "200"),
    ("GET", "errors", "200"),
    ("GET", "refused", "200"),
    ("GET", "replaced", "503"),
    ("GET", "raises", "500"),
    ("GET", "exits", "500"),
    ("GET", "wrong_chunk", "500"),
    ("GET", "wrong_body", "500"),
    ("GET", "never_started", "500"),
    ("GET", "no_content", "204"),
    ("GET", "too_much", "200"),
    ("GET", "questions", "200"),
    ("GET", "close_fails", "200"),
]


CLOSING = b"Connection: close\r\n"


@pytest.fixture
def server(start):
    """All the kinds. What it has to say of a million requests is not kept."""
    return start(str(APPLICATIONS / "kinds.py"), listeners=["http", "uwsgi"], log=Path(os.devnull))


def stats(server):
    """What its process holds."""
    return json.loads(Client(server, "http").get("/stats").body)


def assert_level(before, after, requests):
    """Beside some noise: not an object for 1,000 requests, nor a block for 500, nor two bytes for each; and no file."""
    grown = {name: after[name] - before[name] for name in ("objects", "blocks", "resident", "files")}
    types = {name: count - before["types"].get(name, count) for name, count in after["types"].items()}
    told = f"after {requests} requests: {grown}, by type { {name: n for name, n in types.items() if n} }"
    assert grown["objects"] < 100 + requests / 1_000, told
    assert grown["blocks"] < 500 + requests / 500, told
    assert grown["files"] == 0, told
    assert grown["resident"] < (1 << 20) + requests * 2, told


def ask(connection, request, response_length, status, count):
    """Sends the request so often, many at a time; each response has that length and that status."""
    for _ in range(count // BATCH):
        connection.sendall(request * BATCH)
        pieces, missing = [], response_length * BATCH
        while missing > 0:
            piece = connection.recv(missing)
            assert piece, f"the connection ended: {pieces[-1:]}"
            pieces.append(piece)
            missing -= len(piece)
        assert b"".join(pieces).count(b"HTTP/1.1 " + status) == BATCH


@pytest.mark.long
@pytest.mark.parametrize(
    "method, kind, status", KEPT_ALIVE, ids=[f"{kind}-{method}" for method, kind, _ in KEPT_ALIVE]
)
def test_of_each_kind(method, kind, status, server):
    """100,000 requests, over a connection that is kept alive."""
    listener = server.listeners["http"]
    body = b"first line\nsecond line\nthe third\n" if method == "POST" else b""
    once = listener.ask(method, "/" + kind, body=body)
    assert once.status.startswith(status) and CLOSING in once.raw, once
    length = len(once.raw) - len(CLOSING)
    request = listener.encode(method, "/" + kind, body=body, keep_alive=True)
    with listener.connect() as connection:
        ask(connection, request, length, status.encode(), 2_000)
        before = stats(server)
        ask(connection, request, length, status.encode(), COUNT)
        after = stats(server)
    assert_level(before, after, COUNT)


@pytest.mark.long
@pytest.mark.parametrize(
    "kind", ["hello", "generator", "write", "real_file", "raises", "breaks_off", "too_little"]
)
@pytest.mark.parametrize("scheme", ["uwsgi", "http"])
def test_where_each_has_a_connection_of_its_own(scheme, kind, server):
    """As every request over uwsgi has, and those that are broken off."""
    client, count = Client(server, scheme), COUNT // 10
    for requests in (200, count):
        before = stats(server)
        for _ in range(requests):
            client.get("/" + kind)
    assert_level(before, stats(server), count)


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["uwsgi", "http"])
def test_where_the_client_hangs_up(scheme, server):
    """In the middle of the stream."""
    client, count = Client(server, scheme), COUNT // 50
    files = stats(server)["files"]
    for requests in (200, count):
        before = stats(server)
        for _ in range(requests):
            asked = client.send("GET", "/endless")
            asked.read_until(b"\r\n\r\n")
            asked.reset()
        eventually("all are gone", lambda: stats(server)["files"] == files)
    assert_level(before, stats(server), count)


@pytest.mark.long
def test_of_large_bodies(server):
    """Uploads that lie in a file, and come back in one chunk of their size."""
    client, body = Client(server, "http"), bytes(300_000)
    for requests in (100, 1_000):
        before = stats(server)
        for _ in range(requests):
            assert len(client.post("/read", body).body) == len(body)
    assert_level(before, stats(server), 100_000)
