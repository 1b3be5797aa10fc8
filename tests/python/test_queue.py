"""Requests that wait for a thread: in order, no longer than a bound, and only while their clients do."""

import fcntl
import struct
import termios

import pytest

from support.gate import LET_GO, wait_at_the_gate
from support.readers import read_together
from support.server import Client
from support.waiting import eventually


def application(environ, start_response):
    """/waits waits at the gate; /called tells the names of all that were called, of which each other is one."""
    path, name = environ["PATH_INFO"], environ["QUERY_STRING"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/waits":
        return [wait_at_the_gate()]
    if path == "/called":
        return [" ".join(called).encode()]
    called.append(name)
    return [name.encode()]


APPLICATION = ("called = []", wait_at_the_gate, application)


@pytest.fixture
def hold(gate, threads):
    """`hold(client)` has a call on each thread."""

    def hold(client):
        calls = [client.send("GET", "/waits") for _ in range(threads)]
        gate.wait_for(threads)
        return calls

    return hold


@pytest.fixture
def serve_http(start, folder, threads, socket_path):
    """`serve_http(option, …)` serves it over HTTP alone."""

    def serve_http(*options):
        folder({"app.py": APPLICATION})
        if threads > 1:
            options = [f"--threads={threads}", *options]
        return Client(start("app", *options, listeners={"http": str(socket_path)}), "http")

    return serve_http


def test_they_are_answered_in_order(serve_http, hold, gate, threads):
    """By the first thread that comes free."""
    client = serve_http("--queue-timeout=30")
    held = hold(client)
    waiting = []
    for number in range(20):
        waiting.append(client.send("GET", f"/?{number}"))
        arrive(waiting[-1])
    gate.open()  # One thread, so that nothing but the queue makes an order.
    responses = read_together(waiting)
    assert [response.body for response in responses] == [b"%d" % number for number in range(20)]
    assert client.get("/called").body == " ".join(map(str, range(20))).encode()
    gate.open(threads - 1)
    assert [response.body for response in read_together(held)] == [LET_GO] * threads


def arrive(asked):
    """Waits until the server has read the request: the kernel says how much of it is still on its way."""

    def left():
        return struct.unpack("i", fcntl.ioctl(asked.connection, termios.TIOCOUTQ, bytes(4)))[0]

    eventually("the request is read", lambda: left() == 0)


def test_one_that_waits_too_long_is_answered_with_503(threaded, hold, gate, threads):
    """While the calls still run; it says when to come again, and is never called."""
    client = threaded(*APPLICATION, options=["--queue-timeout=1"])
    held = hold(client)
    responses = read_together([client.send("GET", f"/?late{number}") for number in range(3)])
    gate.open(threads)
    assert [response.body for response in read_together(held)] == [LET_GO] * threads
    client.server.ignore_log()
    for response in responses:
        assert response.status == "503 Service Unavailable" and response.is_complete
        assert int(response["Retry-After"]) >= 1
    assert client.get("/?next").body == b"next"
    assert client.get("/called").body == b"next"


def test_a_front_end_is_told_of_the_option(start, folder, hold, gate, threads, socket_path):
    """On FastCGI's standard error, which nginx writes into its own log."""
    folder({"app.py": APPLICATION})
    options = [f"--threads={threads}", "--queue-timeout=1"]
    client = Client(start("app", *options, listeners={"fastcgi": str(socket_path)}), "fastcgi")
    held = hold(client)
    (late,) = read_together([client.send("GET", "/?late")])
    gate.open(threads)
    read_together(held)
    client.server.ignore_log()
    assert late.status.startswith("503 ") and b"within 1 s (--queue-timeout)" in late.complaints


def test_one_that_waits_less_is_served(threaded, hold, gate, threads):
    """The bound is for each request, and begins when it is there."""
    client = threaded(*APPLICATION, options=["--queue-timeout=30"])
    held = hold(client)
    waiting = [client.send("GET", f"/?{number}") for number in range(5)]
    gate.open(threads)
    assert [response.body for response in read_together(held)] == [LET_GO] * threads
    assert [response.body for response in read_together(waiting)] == [b"%d" % number for number in range(5)]


def test_one_whose_client_has_gone_is_never_called(serve_http, hold, gate, threads):
    """Those before and behind it are."""
    client = serve_http()
    held = hold(client)
    waiting = []
    for number in range(6):
        asked = client.send("GET", f"/?{number}")
        arrive(asked)
        if number % 2:
            asked.close()
        else:
            waiting.append(asked)
    gate.open(threads)
    assert [response.body for response in read_together(held)] == [LET_GO] * threads
    assert [response.body for response in read_together(waiting)] == [b"0", b"2", b"4"]
    assert sorted(client.get("/called").body.split()) == [b"0", b"2", b"4"]


def test_one_behind_another_on_its_connection_waits_too(serve_http, hold, gate, threads):
    """Two HTTP requests on one connection are answered in their order, when a thread is free."""
    client = serve_http()
    held = hold(client)
    encode = client.listener.encode
    with client.listener.connect() as connection:
        connection.sendall(encode("GET", "/?first", keep_alive=True) + encode("GET", "/?second"))
        gate.open(threads)
        read_together(held)
        raw = b""
        while chunk := connection.recv(65_536):
            raw += chunk
    assert raw.index(b"\r\n\r\nfirst") < raw.index(b"\r\n\r\nsecond")
    assert client.get("/called").body == b"first second"
