"""A request that waits in one worker while another has a thread that is idle: it is passed on, with its connection."""

import http.client

import pytest

from support.gate import LET_GO, wait_at_the_gate


def application(environ, start_response):
    """Tells its process, how long the body is, and the client's port; /waits waits at the gate first."""
    told = b"" if environ["PATH_INFO"] != "/waits" else wait_at_the_gate()
    length = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [told or f"{os.getpid()} {length} {environ['REMOTE_PORT']}".encode()]


APPLICATION = ("import os", wait_at_the_gate, application)


class Kept:
    """A connection that is kept alive."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=30)

    def begin(self, method, target, body=None):
        self.connection.request(method, target, body)

    def end(self):
        with self.connection.getresponse() as response:
            assert response.status == 200
            return response.read()

    def ask(self, body=None):
        """The process that answers, the body's length, and the port of this end."""
        self.begin("POST" if body else "GET", "/", body)
        pid, length, port = map(int, self.end().split())
        assert port == self.connection.sock.getsockname()[1]
        return pid, length


@pytest.fixture
def connections(start, folder, gate):
    """Kept connections to two workers with a thread each: three to the one, and one to the other."""
    folder({"app.py": APPLICATION})
    server = start("app", listeners=["http"], workers=2)
    by_process = {}

    def connect():
        kept = Kept(server.listeners["http"].address)
        by_process.setdefault(kept.ask()[0], []).append(kept)

    while max(map(len, by_process.values()), default=0) < 3:
        connect()
    busy = max(by_process, key=lambda process: len(by_process[process]))
    # One that is in a call accepts nothing.
    by_process[busy][0].begin("GET", "/waits")
    gate.wait_for(1)
    connect()
    gate.open()
    assert by_process[busy][0].end() == LET_GO
    (idle,) = by_process.keys() - {busy}
    yield (busy, by_process[busy]), (idle, by_process[idle])
    for connections in by_process.values():
        for kept in connections:
            kept.connection.close()


@pytest.mark.parametrize("body", [None, b"x" * 1_000, b"x" * 100_000], ids=["no-body", "small-body", "large-body"])
def test_what_waits_is_answered_by_the_other(connections, gate, body):
    """While the call runs; the connection stays with the worker that took it over."""
    (busy, (held, *others)), (idle, _) = connections
    held.begin("GET", "/waits")
    gate.wait_for(2)
    for kept in others[:2]:
        assert kept.ask(body) == (idle, len(body or b""))
    gate.open()
    assert held.end() == LET_GO
    assert others[0].ask(body) == (idle, len(body or b""))
    assert held.ask()[0] == busy


def test_nothing_is_passed_on_to_a_worker_that_is_busy_too(connections, gate):
    """It waits for whichever thread comes free first."""
    (busy, (held, waits, *_)), (idle, (other, *_)) = connections
    for kept in (held, other):
        kept.begin("GET", "/waits")
    gate.wait_for(3)
    waits.begin("GET", "/")
    gate.open(1)
    assert int(waits.end().split()[0]) in (busy, idle)
    gate.open(1)
    assert [held.end(), other.end()] == [LET_GO, LET_GO]


def test_one_that_leaves_on_the_way_takes_nothing_with_it(connections, gate):
    """Of two that wait the one goes; the other, and those that come later, are answered."""
    (_, (held, leaves, stays, *_)), (idle, _) = connections
    held.begin("GET", "/waits")
    gate.wait_for(2)
    leaves.begin("GET", "/")
    leaves.connection.close()
    assert stays.ask()[0] == idle
    gate.open()
    assert held.end() == LET_GO
