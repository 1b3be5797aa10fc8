"""An application that blocks all signals as it is imported, for a thread of its own that waits for some."""

import os
import signal

import pytest

from support.waiting import eventually

APPLICATION = """
import os, signal

signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

def application(environ, start_response):
    while environ["PATH_INFO"] == "/loop":
        pass
    start_response("200 OK", [("Content-Type", "text/plain")])
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    return [f"{os.getpid()} {signal.SIGALRM in blocked}".encode()]
"""


def told(server):
    """The worker; other signals stay as the application wants them."""
    pid, is_blocked = server.listeners["http"].ask("GET", "/").body.decode().split()
    assert is_blocked == "True"
    return int(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("options", [["--workers=0"], ["--workers=1"], ["--workers=1", "--preload"]], ids=" ".join)
def test_a_stop_is_heard(options, number, launch, folder):
    """By the master, and by the process that has loaded it."""
    folder({"app.py": APPLICATION})
    server = launch("app", *options).wait_until_it_listens()
    told(server)
    server.signal(number)
    assert server.wait() == 0, server.log()


def test_a_worker_hears_its_own_stop(start, folder):
    """As it does with any application."""
    folder({"app.py": APPLICATION})
    server = start("app", workers=1)
    first = told(server)
    os.kill(first, signal.SIGTERM)
    eventually("another worker answers", lambda: told(server) != first)


def test_a_preloading_master_hears_all(start, folder):
    """A worker's end, SIGTTIN, SIGUSR1; and SIGHUP, by which a new master loads the code."""
    folder({"app.py": APPLICATION})
    server = start("app", "--preload", "-v", workers=1)
    first = told(server)
    os.kill(first, signal.SIGKILL)
    eventually("another worker answers", lambda: told(server) != first)
    server.logged(rf"pid {first}\) has ended: SIGKILL")
    for number, words in (
        (signal.SIGTTIN, "2 workers are wanted"),
        (signal.SIGUSR1, "the log files are open anew"),
        (signal.SIGTTOU, "1 worker is wanted"),
    ):
        server.signal(number)
        server.logged(words, level="INFO")


def test_a_request_that_does_not_come_back_is_told_as_any_other(start, folder):
    """The log says where it is, and another worker takes over."""
    folder({"app.py": APPLICATION})
    server = start("app", "--timeout=2", workers=1)
    told(server)
    assert server.listeners["http"].ask("GET", "/loop").status == "504 Gateway Timeout"
    server.logged(r"thread 1 did not come back from .* within 2 s \(--timeout\)")
    eventually("its traceback", lambda: "Stack (most recent call first)" in server.log())
    # One of the thread, and then one of all.
    eventually("both tracebacks whole", lambda: server.log().count(" in <module>") == 2)
    server.logged("retires after a request whose time was over", level="INFO")
    server.ignore_log()


@pytest.mark.parametrize("options", [["--workers=0"], ["--workers=1"], ["--workers=1", "--preload"]], ids=" ".join)
def test_a_client_that_leaves_ends_nobody(options, launch, folder):
    """Though the application has set SIGPIPE to its default, as Python commands do for head(1)."""
    folder(
        {
            "app.py": """
import os, signal

signal.signal(signal.SIGPIPE, signal.SIG_DFL)

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/pid":
        return [str(os.getpid()).encode()]
    return (bytes(100_000) for _ in range(1_000))
"""
        }
    )
    server = launch("app", *options, "-v", listeners=["http", "uwsgi"]).wait_until_it_listens()
    first = server.listeners["http"].ask("GET", "/pid").body
    for scheme in ("http", "uwsgi"):
        for _ in range(10):
            asked = server.listeners[scheme].send("GET", "/")
            asked.read_until(bytes(1_000))
            asked.reset()
    assert server.listeners["http"].ask("GET", "/pid").body == first
    assert server.stop() == 0, server.log()
