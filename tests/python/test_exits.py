"""Exits with threads that run, wherever they are: the process ends as it should, and none aborts."""

import os
import signal

import pytest

from support.waiting import eventually

# Of each kind.
ROUNDS = int(os.environ.get("EXITS", 3))
STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]


def application(environ, start_response):
    """Each path is somewhere that a thread may be, and does not come back from."""
    import ctypes
    import hashlib
    import os
    import time

    name = environ["PATH_INFO"][1:]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if name == "hello":
        return [str(os.getpid()).encode()]
    with open("begun", "a") as begun:
        begun.write(".")
    while name == "python":
        len([number for number in range(100)])
    while name == "short":
        # It asks for the GIL all the time.
        time.sleep(0)
    if name == "sleep":
        time.sleep(60)
    if name == "hash":
        # C code that computes without the GIL.
        hashlib.pbkdf2_hmac("sha256", b"tide", b"gate", 1_000_000_000)
    # CDLL lets go of the GIL.
    ctypes.CDLL(None).sleep(60)
    return []


PLACES = ["python", "sleep", "hash", "short", "foreign"]


@pytest.fixture
def serve_stuck(launch, tmp_path, folder):
    """`serve_stuck(round, workers)` starts a server with four threads, of which three or all are somewhere else in each
    round; returns it and the connections."""
    folder({"app.py": application})

    def serve_stuck(number, workers, grace=0.05):
        options = ["--threads=4", f"--grace={grace}", "--verbose"]
        server = launch("app", *options, workers=workers).wait_until_it_listens()
        begun, listener = tmp_path / "begun", server.listeners["http"]
        begun.unlink(missing_ok=True)
        # The first request is the main thread's: it is free in every second round.
        count = 3 + number % 2
        asked = [listener.send("GET", f"/{PLACES[(number + at) % len(PLACES)]}") for at in range(count)]
        eventually("all have begun", lambda: begun.exists() and begun.stat().st_size == count)
        return server, asked

    return serve_stuck


def assert_none_crashed(server):
    """Neither the command nor a worker: what ends one with a signal is in the log."""
    log = server.log()
    for trace in ("Fatal Python error", "SIGABRT", "SIGSEGV", "signal 6", "signal 11", "panicked", "Traceback"):
        assert trace not in log, log
    for entry in server.entries():
        assert entry.level != "ERROR", entry


def is_broken_off(asked):
    """Whether its end comes, with nothing before it."""
    try:
        return asked.connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("workers", [0, 1], ids=["in-one-process", "in-a-worker"])
@pytest.mark.parametrize("number", STOPS, ids=[number.name for number in STOPS])
def test_a_stop(number, workers, serve_stuck):
    """It ends with status 0, once the time of grace is over."""
    for at in range(ROUNDS):
        server, asked = serve_stuck(at, workers)
        server.signal(number)
        assert server.wait() == 0, server.log()
        assert_none_crashed(server)
        for one in asked:
            one.close()


def test_a_reload(serve_stuck):
    """The old worker leaves its threads behind, and its successor serves."""
    for at in range(ROUNDS):
        server, asked = serve_stuck(at, 1)
        listener = server.listeners["http"]
        server.signal(signal.SIGHUP)
        for one in asked:
            assert is_broken_off(one)
            one.close()
        assert listener.ask("GET", "/hello").status == "200 OK"
        assert server.stop() == 0, server.log()
        assert_none_crashed(server)


def test_the_second_interrupt_ends_it_at_once(serve_stuck):
    """Whatever its threads do."""
    for at in range(ROUNDS):
        server, asked = serve_stuck(at, 0, grace=60)
        server.signal(signal.SIGINT)
        server.logged("stopping", level="INFO")
        server.signal(signal.SIGINT)
        assert server.wait() == 128 + signal.SIGINT, server.log()
        assert_none_crashed(server)
        for one in asked:
            one.close()
