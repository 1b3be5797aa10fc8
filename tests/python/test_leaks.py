"""Nothing is left of a request: after many of a kind the process is as it was."""

import os
from pathlib import Path

import pytest

from support.leaks import COUNT, ask, assert_level, stats
from support.server import APPLICATIONS, Client
from support.waiting import eventually

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
