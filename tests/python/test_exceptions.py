"""Exceptions: a 500 or a visible abort, a traceback in the log, and a worker that lives on."""

import pytest

from support.waiting import eventually

EXCEPTIONS = """
    import sys

    class BadStr(Exception):
        def __str__(self):
            raise ValueError("no str")

    class BadRepr(Exception):
        def __repr__(self):
            raise ValueError("no repr")
        __str__ = __repr__

    class WorseRepr(Exception):
        def __repr__(self):
            raise SystemExit("no repr, and no worker")
        __str__ = __repr__

    class ReturnsNoStr(Exception):
        def __str__(self):
            return None

    class BadAttributes(Exception):
        def __getattribute__(self, name):
            raise RuntimeError("no attributes")

    class Base(BaseException):
        pass

    def endless():
        return endless()

    def from_another():
        try:
            raise KeyError("the cause")
        except KeyError as error:
            raise ValueError("its consequence") from error

    def fail(kind):
        if kind == "RecursionError":
            endless()
        if kind == "MemoryError":
            bytes(1 << 62)
        if kind == "chained":
            from_another()
        if kind == "surrogate":
            raise ValueError("half a pair: \\udc80")
        if kind == "long":
            raise ValueError("long " * 100_000)
        if kind == "SyntaxError":
            compile("not python", "text.py", "exec")
        if kind == "sys.exit":
            sys.exit(3)
        own = {"BadStr": BadStr, "BadRepr": BadRepr, "WorseRepr": WorseRepr, "ReturnsNoStr": ReturnsNoStr,
               "BadAttributes": BadAttributes, "Base": Base}
        builtin = __builtins__ if isinstance(__builtins__, dict) else vars(__builtins__)
        raise (own.get(kind) or builtin[kind])("words")
"""
# The kinds, and what the log must name beside the traceback.
KINDS = {
    "ValueError": "ValueError: words",
    "KeyError": "KeyError: 'words'",
    "Exception": "Exception: words",
    "Base": r"Base: words",
    "SystemExit": "SystemExit: words",
    "sys.exit": "SystemExit: 3",
    "KeyboardInterrupt": "KeyboardInterrupt: words",
    "GeneratorExit": "GeneratorExit: words",
    "AssertionError": "AssertionError: words",
    "RecursionError": "RecursionError: maximum recursion depth exceeded",
    "MemoryError": "MemoryError",
    "chained": "the cause(.|\n)*direct cause(.|\n)*ValueError: its consequence",
    "SyntaxError": "SyntaxError",
    "surrogate": "half a pair: ",
    "long": "ValueError: long long long",
    "BadStr": "BadStr",
    "BadRepr": "BadRepr",
    "WorseRepr": "WorseRepr",
    "ReturnsNoStr": "ReturnsNoStr",
    "BadAttributes": r"BadAttributes: words \(its traceback cannot be shown: ",
}


def application(environ, start_response):
    """Fails at the place and with the kind that the path says: /place/kind."""
    _, place, kind = environ["PATH_INFO"].split("/")
    if place == "well":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"well"]
    if place == "before":
        fail(kind)
    start_response("200 OK", [("Content-Type", "text/plain")])
    if place == "after":
        fail(kind)
    return steps(place, kind)


def steps(place, kind):
    if place == "first":
        fail(kind)
    yield b""
    if place == "second":
        fail(kind)
    yield b"sent"
    fail(kind)


APPLICATION = (EXCEPTIONS, steps, application)


def is_well(client):
    response = client.get("/well/x")
    assert (response.status, response.body) == ("200 OK", b"well")


@pytest.mark.parametrize("place", ["before", "after", "first", "second"])
def test_with_nothing_sent(place, serve):
    """A 500 of the server's own, that tells the client nothing; the traceback and the request in the log."""
    client = serve(*APPLICATION)
    for kind, words in KINDS.items():
        response = client.get(f"/{place}/{kind}")
        assert (response.status, response.is_complete) == ("500 Internal Server Error", True), kind
        assert (
            b"Traceback" not in response.raw
            and b"words" not in response.raw
            and b"app.py" not in response.raw
        )
        (text,) = client.logged(rf"GET /{place}/{kind}: answered with 500: (.|\n)*{words}")
        # Of BadAttributes Python's own traceback module cannot make one.
        assert kind == "BadAttributes" or "Traceback (most recent call last):" in text, kind
        assert kind == "BadAttributes" or 'app.py", line ' in text and "in fail" in text, (kind, text)
        is_well(client)


def test_mid_body(serve):
    """What was sent is seen to be broken off."""
    client = serve(*APPLICATION)
    for kind, words in KINDS.items():
        response = client.get(f"/third/{kind}")
        assert (response.status, response.body, response.is_complete) == ("200 OK", b"sent", False), kind
        (text,) = client.logged(rf"GET /third/{kind}: broken off after \d+ bytes: (.|\n)*{words}")
        assert kind == "BadAttributes" or "Traceback (most recent call last):" in text, kind
        is_well(client)


def test_exception_before_start_response(serve):
    """A 500, with the traceback in the log behind the request line, the application's lines alone in it."""

    def application(environ, start_response):
        raise ValueError("at once")

    client = serve(application)
    assert client.get("/path?query").status == "500 Internal Server Error"
    (text,) = client.logged(r"GET /path\?query: answered with 500: Traceback \(most recent call last\):")
    first, *frames, last = text.split("\n")
    assert last == "ValueError: at once"
    assert frames[0].startswith('  File "') and frames[0].endswith('app.py", line 2, in application')
    assert frames[1] == '    raise ValueError("at once")'
    assert not [line for line in frames if line.lstrip().startswith("File") and "app.py" not in line]


def test_exception_after_it_with_nothing_sent(serve):
    """A 500 in place of the head that the application has given, of which nothing is left."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "5"), ("Set-Cookie", "a=b")])
        raise ValueError("too late for a 200")

    client = serve(application)
    response = client.get()
    assert response.status == "500 Internal Server Error" and "Set-Cookie" not in response
    client.logged("ValueError: too late for a 200")


def test_exception_mid_body_without_a_length(serve):
    """It does not look complete."""

    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"some"
        raise ValueError("mid-body")

    client = serve(application)
    response = client.get()
    assert (response.status, response.body, response.is_complete) == ("200 OK", b"some", False)
    (text,) = client.logged("ValueError: mid-body")
    assert text.count("Traceback") == 1


def test_a_stop_iteration_is_an_error_where_it_is_no_end(serve):
    """In the call, and in a generator, where Python makes a RuntimeError of it."""

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/call":
            raise StopIteration("in the call")
        start_response("200 OK", [])
        return chunks()

    def chunks():
        yield b""
        raise StopIteration("in the generator")

    client = serve(application, chunks)
    for path in ("/call", "/generator"):
        assert client.get(path).status == "500 Internal Server Error"
    client.logged("StopIteration: in the call")
    client.logged("RuntimeError: generator raised StopIteration")


def test_errors_of_the_iterable_itself(serve):
    """__iter__ that fails, or returns what is no iterator, and __next__ that is none."""

    def application(environ, start_response):
        class Fails:
            def __iter__(self):
                raise ValueError("no iterator")

        class NotAnIterator:
            def __iter__(self):
                return [b"a list is not an iterator"]

        class Next:
            def __next__(self):
                return b"a next is not an iter"

        start_response("200 OK", [])
        return {"/fails": Fails(), "/not": NotAnIterator(), "/next": Next()}[environ["PATH_INFO"]]

    client = serve(application)
    for path in ("/fails", "/not", "/next"):
        assert client.get(path).status == "500 Internal Server Error", path
    client.logged("ValueError: no iterator")
    client.logged("GET /not: answered with 500: (.|\n)*TypeError")
    client.logged("GET /next: answered with 500: (.|\n)*Next")


def test_a_callable_of_another_shape(serve):
    """An application that takes other arguments is a TypeError of each request."""

    def application(environ):
        return []

    client = serve(application)
    assert client.get().status == "500 Internal Server Error"
    client.logged("TypeError: .*application")


def test_a_connection_goes_on_after_a_500(start, folder):
    """Over HTTP, the next request on the same connection is answered."""

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/fails":
            raise ValueError("oops")
        start_response("200 OK", [])
        return [b"still there"]

    folder({"app.py": application})
    server = start("app")
    listener = server.listeners["http"]
    with listener.connect() as connection:
        connection.sendall(listener.encode("GET", "/fails", keep_alive=True) + listener.encode("GET", "/"))
        raw = b""
        while chunk := connection.recv(65536):
            raw += chunk
    assert raw.startswith(b"HTTP/1.1 500 ") and raw.endswith(b"\r\n\r\nstill there")
    server.logged("ValueError: oops")


def test_a_traceback_passes_for_no_other_line_of_the_log(serve):
    """Its lines are indented, and its controls escaped, whatever the message says."""

    def application(environ, start_response):
        raise ValueError("two\n2026-11-22T16:00:00Z INFO lines \x1b[31m")

    client = serve(application)
    client.get()
    (text,) = client.logged("ValueError: two")
    assert text.endswith("\n2026-11-22T16:00:00Z INFO lines \\u{1b}[31m")


def test_notes_and_groups_are_told(serve):
    """What Python 3.11 has added to tracebacks."""
    import sys

    if sys.version_info < (3, 11):
        return

    def application(environ, start_response):
        error = ValueError("the error")
        error.add_note("a note on it")
        raise ExceptionGroup("several", [error, KeyError("another")])

    client = serve(application)
    client.get()
    (text,) = client.logged("several")
    assert "a note on it" in text and "KeyError: 'another'" in text


def test_an_exception_in_a_thread_is_pythons_own_affair(serve, tmp_path):
    """threading.excepthook tells of it on stderr, and the server goes on."""

    def application(environ, start_response):
        import threading

        def fail():
            raise ValueError("in a thread")

        if environ["PATH_INFO"] == "/thread":
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
        start_response("200 OK", [])
        return [b"ok"]

    client = serve(application)
    assert client.get("/thread").body == b"ok"
    assert client.get().body == b"ok"
    eventually("the words of threading.excepthook", lambda: "ValueError: in a thread" in client.server.log())
    client.server.ignore_log()


def test_many_in_a_row(serve):
    """Nothing piles up that would end the worker: file descriptors, recursion, memory."""
    client = serve(*APPLICATION)
    for _ in range(30):
        for kind in ("RecursionError", "MemoryError", "SystemExit", "KeyboardInterrupt"):
            for place in ("before", "second"):
                assert client.get(f"/{place}/{kind}").status == "500 Internal Server Error"
    is_well(client)
    client.logged("answered with 500", 240)
