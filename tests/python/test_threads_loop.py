"""The loop never stops: while a call runs on the only thread, all that needs no thread goes on.

The call waits at a gate that the test opens when it has seen the rest; a call that was not let go in time says so.
"""

import struct

import pytest

from support.gate import LET_GO, wait_at_the_gate
from support.readers import read_together
from support.remote import Asked

LARGE = 8 << 20
GET_VALUES, GET_VALUES_RESULT = 9, 10


def application(environ, start_response):
    """/waits waits at the gate, /large has a body that no socket holds, /length reads the request's."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/waits":
        return [wait_at_the_gate(keeps_the_gil=environ["QUERY_STRING"] == "gil")]
    if environ["PATH_INFO"] == "/large":
        return [bytes(8 << 20)]
    return [str(len(environ["wsgi.input"].read())).encode()]


APPLICATION = (wait_at_the_gate, application)


class Held:
    """A server of all protocols, each of whose threads a call takes from `hold` to `let_go`."""

    def __init__(self, server, gate, threads, last):
        self.server = server
        self.listeners = server.listeners
        self.gate = gate
        self.paths = ["/waits"] * (threads - 1) + [last]
        self.calls = []

    def hold(self):
        """One after another: the last one may keep the GIL, and then no other would come to the gate."""
        for path in self.paths:
            self.calls.append(self.listeners["http"].send("GET", path))
            self.gate.wait_for(len(self.calls))

    def let_go(self):
        """The calls ran all the time, or they say that they gave up."""
        self.gate.open(len(self.calls))
        told = [response.body for response in read_together(self.calls)]
        assert told == [LET_GO] * len(told), "what was to come during the calls came after them"


@pytest.fixture(params=["", "?gil"], ids=["without-the-gil", "with-the-gil"])
def held(request, start, folder, threads, gate):
    """The loop must not need the GIL: so the last call may as well keep it."""
    folder({"app.py": APPLICATION})
    options = [f"--threads={threads}"] * (threads > 1)
    schemes = ["uwsgi", "http", "fastcgi", "scgi"]
    server = start("app", "--head-timeout=3", *options, listeners=schemes)
    return Held(server, gate, threads, "/waits" + request.param)


def test_a_large_response_flows(held, scheme):
    """One whose application has given all: its reader gets the rest."""
    with held.listeners[scheme].send("GET", "/large", receive_buffer=4096) as large:
        large.read_until(bytes(1_000))
        held.hold()
        response = large.response()
    held.let_go()
    assert response.is_complete and response.body == bytes(LARGE)


def test_an_upload_is_read(held, scheme):
    """More of it than sockets hold; it is called when a thread is free."""
    held.hold()
    with held.listeners[scheme].send("POST", "/length", body=bytes(LARGE)) as upload:
        held.let_go()
        assert upload.response().body == b"%d" % LARGE


def test_a_slow_head_gets_its_408(held):
    """In time, over each protocol."""
    held.hold()
    asked = []
    for listener in held.listeners.values():
        asked.append(Asked(listener.scheme, "GET", listener.connect()))
        asked[-1].connection.sendall(listener.encode("GET", "/")[:24])
    statuses = [response.status for response in read_together(asked)]
    held.server.ignore_log()
    held.let_go()
    assert statuses == ["408 Request Timeout"] * 4


def test_a_ping_of_fastcgi_is_answered(held):
    """FCGI_GET_VALUES, which asks for nothing of the application."""
    held.hold()
    with held.listeners["fastcgi"].connect() as connection:
        asked = bytes([15, 0]) + b"FCGI_MPXS_CONNS"
        connection.sendall(struct.pack(">BBHHBB", 1, GET_VALUES, 0, len(asked), 0, 0) + asked)
        answer = connection.recv(65_536)
    held.let_go()
    assert answer[1] == GET_VALUES_RESULT and b"FCGI_MPXS_CONNS" in answer


def test_a_refusal_is_answered(held):
    """What is no request never needs a thread."""
    held.hold()
    listener = held.listeners["http"]
    asked = Asked("http", "GET", listener.connect())
    asked.connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
    (response,) = read_together([asked])
    held.server.ignore_log()
    held.let_go()
    assert response.status == "400 Bad Request"
