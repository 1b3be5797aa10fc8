"""What an application's thread is: a threading.Thread with a name, and with room for deep recursion."""

import json
import signal

import pytest

from support.gate import wait_at_the_gate
from support.readers import read_together


def ask_each_thread(client, gate, threads, path="/"):
    """What the application tells on each of its threads."""
    before = gate.calls.stat().st_size
    asked = [client.send("GET", path) for _ in range(threads)]
    gate.wait_for(before + threads)
    gate.open(threads)
    return [json.loads(response.body) for response in read_together(asked)]


def describe(environ, start_response):
    """The thread, as Python and the kernel know it."""
    import ctypes
    import json
    import threading

    wait_at_the_gate()
    thread = threading.current_thread()
    attributes, size = ctypes.create_string_buffer(256), ctypes.c_size_t()
    library = ctypes.CDLL(None)
    library.pthread_self.restype = ctypes.c_ulong
    library.pthread_getattr_np(ctypes.c_ulong(library.pthread_self()), attributes)
    library.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    library.pthread_attr_destroy(attributes)
    told = {
        "type": type(thread).__name__,
        "name": thread.name,
        "is_listed": thread in threading.enumerate(),
        "is_main": thread is threading.main_thread(),
        "in_the_kernel": open(f"/proc/self/task/{threading.get_native_id()}/comm").read().strip(),
        "stack": size.value,
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


DESCRIBE = (wait_at_the_gate, describe, "application = describe")


def test_they_are_threads_of_threading(threaded, gate, threads):
    """Not dummies; each has a name of its own, which the kernel knows too, so that top -H shows it."""
    told = ask_each_thread(threaded(*DESCRIBE), gate, threads)
    assert all(thread["is_listed"] and thread["type"] != "_DummyThread" for thread in told), told
    assert len({thread["name"] for thread in told}) == threads, told
    for thread in told:
        if not thread["is_main"]:
            assert not thread["name"].startswith("Dummy"), told
            assert thread["in_the_kernel"] == thread["name"][:15], told
    if threads == 1:
        assert told[0]["is_main"] and told[0]["type"] == "_MainThread"


def test_their_stacks_are_as_large_as_the_main_threads(threaded, gate, threads):
    """8 MiB: with 2 MiB a deep recursion through C ends the process."""
    for thread in ask_each_thread(threaded(*DESCRIBE), gate, threads):
        assert thread["is_main"] or thread["stack"] >= 8 << 20, thread


def test_they_stay_the_same(threaded, gate, threads):
    """No thread is added for later requests, and none has gone."""
    client = threaded(*DESCRIBE)
    names = [sorted(thread["name"] for thread in ask_each_thread(client, gate, threads)) for _ in range(3)]
    assert names[0] == names[1] == names[2]


def test_deep_recursion_is_a_recursion_error(threaded, gate, threads):
    """On each thread, and the process serves on."""

    def application(environ, start_response):
        def sort(depth):
            return sorted([depth, depth], key=lambda depth: sort(depth + 1))

        def nest():
            nested = []
            for _ in range(200_000):
                nested = [nested]
            return nested

        def outcome(work):
            try:
                work()
            except RecursionError:
                return "RecursionError"
            return "none"

        wait_at_the_gate()
        cases = {
            "/sort": lambda: sort(0),
            "/loads": lambda: json.loads("[" * 200_000),
            "/dumps": lambda: json.dumps(nest()),
            "/repr": lambda: repr(nest()),
        }
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps([os.getpid(), outcome(cases[environ["PATH_INFO"]])]).encode()]

    client = threaded("import json, os", wait_at_the_gate, application)
    told = []
    for path in ("/sort", "/loads", "/dumps", "/repr"):
        told += ask_each_thread(client, gate, threads, path)
    assert {outcome for _, outcome in told} == {"RecursionError"}
    assert len({pid for pid, _ in told}) == 1


@pytest.mark.parametrize("kind", ["sort", "loads", "dumps", "repr", "body"])
def test_deep_recursion_that_nobody_catches_is_a_500(kind, threaded, gate, threads):
    """On each thread at once; the process serves on."""

    def sort(depth=0):
        return sorted([depth, depth], key=lambda depth: sort(depth + 1))

    def nest():
        nested = []
        for _ in range(200_000):
            nested = [nested]
        return nested

    def chunks():
        yield str(sort()).encode()

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/":
            start_response("200 OK", [])
            return [str(os.getpid()).encode()]
        wait_at_the_gate()
        start_response("200 OK", [])
        return KINDS[environ["PATH_INFO"][1:]]()

    kinds = (
        'KINDS = {"sort": sort, "loads": lambda: json.loads("[" * 200_000), "dumps": lambda: json.dumps(nest()), '
        '"repr": lambda: repr(nest()), "body": chunks}'
    )
    client = threaded("import json, os", wait_at_the_gate, sort, nest, chunks, kinds, application)
    pid = client.get("/").body
    asked = [client.send("GET", f"/{kind}") for _ in range(threads)]
    gate.wait_for(threads)
    gate.open(threads)
    assert [response.status for response in read_together(asked)] == ["500 Internal Server Error"] * threads
    client.logged("RecursionError", threads)
    assert client.get("/").body == pid


def end_a_program(environ, start_response):
    """Starts a program and ends it, as an operator would: tells how it ended."""
    import json
    import subprocess

    wait_at_the_gate()
    with subprocess.Popen(["sleep", "60"]) as program:
        program.terminate()
        try:
            told = program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
            told = "it does not end"
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


def test_what_they_start_can_be_ended_by_a_signal(threaded, gate, threads):
    """A program has the signals blocked that are blocked in the thread that starts it: none."""
    client = threaded(wait_at_the_gate, end_a_program, "application = end_a_program")
    assert ask_each_thread(client, gate, threads) == [-signal.SIGTERM] * threads
