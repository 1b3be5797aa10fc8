"""Applications that fork: a child that comes back ends as Python ends it, and there is one response."""

import pytest

from support.waiting import eventually

APP = """
import os, signal, sys

def fork_and(leave):
    pid = os.fork()
    if pid == 0:
        print("said by the child")
        leave()
    return pid

def leave_by_raising():
    raise ValueError("the child's own")

def ways():
    return {
        "/return": lambda: None,
        "/raise": leave_by_raising,
        "/exit": lambda: sys.exit(7),
        "/exit-none": lambda: sys.exit(),
        "/exit-text": lambda: sys.exit("a reason"),
        "/_exit": lambda: os._exit(5),
    }

class Body:
    def __init__(self, leave, where):
        self.leave, self.where, self.pid, self.steps = leave, where, None, 0

    def __iter__(self):
        return self

    def __next__(self):
        self.steps += 1
        if self.steps == 2 and self.where == "step":
            self.pid = fork_and(self.leave)
        if self.steps == 3:
            raise StopIteration
        return b"step"

    def close(self):
        if self.where == "close":
            self.pid = fork_and(self.leave)
        if self.pid:
            tell(self.pid)

def exitcode(status):
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)

def tell(pid):
    status = exitcode(os.waitpid(pid, 0)[1])
    print("status", status, file=open("statuses", "a"))

def application(environ, start_response):
    leave = ways()[environ["PATH_INFO"]]
    where = environ["QUERY_STRING"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if where != "call":
        return Body(leave, where)
    pid = fork_and(leave)
    if pid:
        tell(pid)
    return [b"stepstep"]
"""

STATUSES = {"/return": 0, "/raise": 1, "/exit": 7, "/exit-none": 0, "/exit-text": 1, "/_exit": 5}


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_a_child_that_comes_back_ends_with_python_s_status(start, folder, scheme, workers):
    """In the call, in a step and in close(); its parent's response is one and whole."""
    path = folder({"app.py": APP})
    server = start("app", listeners=(scheme,), workers=workers)
    wanted = []
    for where in ("call", "step", "close"):
        for way, status in STATUSES.items():
            response = server.listeners[scheme].ask("GET", f"{way}?{where}")
            assert (response.status, response.body) == ("200 OK", b"stepstep"), (way, where)
            wanted.append(f"status {status}")
            statuses = path / "statuses"
            eventually(
                f"the child of {way}?{where} to end",
                lambda: statuses.exists() and statuses.read_text().splitlines() == wanted,
            )
    log = server.log()
    assert log.count("came back and was ended") == 3 * (len(STATUSES) - 1)
    assert log.count("ValueError: the child's own") == 3 and log.count("a reason") == 3
    server.ignore_log()
    assert server.stop() == 0
    # What a child prints before it exits is written, as in a program of its own.
    assert server.stdout.read_text().count("said by the child") >= 3 * 4


def test_a_child_of_the_import_is_no_second_worker(start, folder):
    """It comes back from the import, as a module may fork for a reason of its own and let it raise."""
    path = folder(
        {
            "app.py": """
import os, sys
if os.fork() == 0:
    sys.exit(3)
print("status", os.wait()[1] >> 8, file=open("statuses", "a"))

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
        }
    )
    for options in ((), ("--preload",)):
        server = start("app", *options, workers=2)
        pids = {server.listeners["http"].ask("GET", "/").body for _ in range(20)}
        assert 1 <= len(pids) <= 2
        server.logged("came back and was ended", count=1 if options else 2, level="RAW")
        assert server.stop() == 0
    assert set((path / "statuses").read_text().splitlines()) == {"status 3"}


def test_a_multiprocessing_child_lives_and_keeps_no_response_open(start, folder):
    """multiprocessing's own children never come back; a response without a length ends all the same."""
    folder(
        {
            "app.py": """
import multiprocessing, time

children = []

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/end":
        for child in children:
            child.terminate()
            child.join()
        # A signal that comes before the child has run at all is the child's too.
        for _ in range(100):
            child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
            child.start()
            child.terminate()
            child.join()
        return [b"ended"]
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
    child.start()
    children.append(child)
    return iter([b"while ", b"it lives"])
"""
        }
    )
    server = start("app", listeners=("http", "uwsgi"))
    for listener in server.listeners.values():
        assert listener.ask("GET", "/").body == b"while it lives"
    assert server.listeners["http"].ask("GET", "/end").body == b"ended"
