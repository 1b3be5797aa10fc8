"""A request that takes too long harms nobody else: not those on the other threads, nor those that come later."""

import re

import pytest

from support.readers import read_together
from support.waiting import eventually


def application(environ, start_response):
    """/stuck never ends; /kept keeps the GIL; /late has begun; /steps is longer than the bound, no step of it is."""
    path = environ["PATH_INFO"]
    if path == "/stuck":
        get_stuck()
    if path == "/kept":
        keep_the_gil()
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Worker", str(os.getpid()))])
    if path == "/steps":
        return take_steps(environ["QUERY_STRING"])
    if path == "/late":
        return begin_and_get_stuck()
    if path == "/large":
        return [bytes(8 << 20)]
    return [b"hello"]


def get_stuck():
    with open("stuck", "a") as file:
        file.write(".")
    threading.Event().wait()


def begin_and_get_stuck():
    yield b"begun"
    get_stuck()


def keep_the_gil():
    with open("stuck", "a") as file:
        file.write(".")
    # PyDLL calls without letting go of it.
    ctypes.PyDLL(None).sleep(30)


def take_steps(name):
    for number in range(6):
        time.sleep(0.6)
        yield f"{name} {number}, ".encode()


APPLICATION = (
    "import ctypes, os, threading, time",
    get_stuck,
    begin_and_get_stuck,
    keep_the_gil,
    take_steps,
    application,
)


@pytest.fixture
def client(serve):
    """One worker with four threads, a bound of 2 s, and an access log. What it logs is for each test to look at."""
    client = serve(*APPLICATION, options=["--timeout=2", "--threads=4", "--access-log-file=access"], workers=1)
    yield client
    assert client.server.stop() == 0
    client.server.ignore_log()


@pytest.fixture
def get_stuck_in(client, tmp_path):
    """`get_stuck_in(path, …)` sends these requests, and waits until all are stuck."""

    def get_stuck_in(*paths):
        asked = [client.send("GET", path) for path in paths]
        stuck = tmp_path / "stuck"
        eventually("they are stuck", lambda: stuck.exists() and stuck.stat().st_size == len(paths))
        return asked

    return get_stuck_in


def begin_steps(client, count):
    """So many requests that last longer than the bound: each has begun."""
    asked = [client.send("GET", f"/steps?{number}") for number in range(count)]
    for number, one in enumerate(asked):
        one.read_until(b"%d 0, " % number)
    return asked


def assert_whole(responses):
    """All steps of each."""
    for number, response in enumerate(responses):
        assert response.is_complete and response.body == b"".join(b"%d %d, " % (number, n) for n in range(6))


def assert_timed_out(response):
    assert (response.status, response.is_complete) == ("504 Gateway Timeout", True)


def test_its_client_gets_a_504_and_the_others_end_well(client, get_stuck_in):
    """They are of the same worker, and run on after the 504; a successor serves whoever comes then."""
    steps = begin_steps(client, 3)
    (stuck,) = get_stuck_in("/stuck?one")
    with stuck:
        assert_timed_out(stuck.response())
    assert not all(b" 5, " in one.raw for one in steps)
    first = {one.raw.partition(b"X-Worker: ")[2].split()[0].decode() for one in steps}
    assert_whole(read_together(steps))
    assert len(first) == 1
    eventually("a successor serves", lambda: client.get()["X-Worker"] not in first)


def test_the_log_says_what_was_stuck_where(client, get_stuck_in):
    """The request with its client, the phase, and the traceback of its thread before those of the others."""
    steps = begin_steps(client, 1)
    (stuck,) = get_stuck_in("/stuck?deep")
    with stuck:
        host, port = stuck.connection.getsockname()
        assert_timed_out(stuck.response())
    assert_whole(read_together(steps))
    (text,) = client.logged(r"GET /stuck\?deep\b.* the application's call .*--timeout")
    assert f"{host}:{port}" in text
    found = r'app.py", line \d+,? in get_stuck'
    eventually("its traceback", lambda: re.search(found, client.server.log()))
    log = client.server.log()
    others = log.find("in take_steps")
    assert others < 0 or log.index("in get_stuck") < others


def test_the_access_log_has_a_line_for_it(client, get_stuck_in, tmp_path):
    """As for any other request."""
    (stuck,) = get_stuck_in("/stuck?one")
    with stuck:
        assert_timed_out(stuck.response())

    def line():
        lines = (tmp_path / "access").read_text().splitlines()
        return [line.split() for line in lines if " GET /stuck?one " in line]

    (fields,) = eventually("the line", line)
    assert fields[4] == "504" and int(fields[7]) >= 1_000_000


def test_two_at_once(client, get_stuck_in):
    """Each gets its own 504, and has its own message; the third and the fourth end well."""
    steps = begin_steps(client, 2)
    for response in read_together(get_stuck_in("/stuck?one", "/stuck?two")):
        assert_timed_out(response)
    assert_whole(read_together(steps))
    for name in ("one", "two"):
        client.logged(rf"GET /stuck\?{name}\b.* the application's call .*--timeout")
    assert client.get().body == b"hello"


def test_one_that_keeps_the_gil(client, get_stuck_in):
    """No Python can run in that worker; a response that is on its way flows, and the client gets the 504."""
    large = client.listener.send("GET", "/large", receive_buffer=4096)
    large.read_until(bytes(1_000))
    (kept,) = get_stuck_in("/kept")
    large_response, kept_response = read_together([large, kept])
    assert large_response.is_complete and large_response.body == bytes(8 << 20)
    assert_timed_out(kept_response)
    assert client.get().body == b"hello"


def test_one_whose_response_has_begun(client):
    """It gets no 504 in the middle of its body, but is broken off; the other threads' end well."""
    steps = begin_steps(client, 2)
    with client.send("GET", "/late") as late:
        response = late.response()
    assert (response.status, response.body, response.is_complete) == ("200 OK", b"begun", False)
    assert_whole(read_together(steps))
    client.logged(r"GET /late\b.* a step of the application's body .*--timeout")
