"""close() of what the application returned: called on every path, once."""

import pytest

from support.waiting import eventually


def body(environ, start_response):
    """A body that counts: the path says what it does, /counts tells how often each was iterated and closed."""
    import sys

    path = environ["PATH_INFO"]
    if path == "/counts":
        start_response("200 OK", [])
        return [repr(counts.get(environ["QUERY_STRING"], (0, 0))).encode()]

    class Body:
        def __init__(self):
            self.number = 0

        def __iter__(self):
            if path == "/iter-fails":
                raise ValueError("in __iter__")
            iterated, closed = counts.get(path, (0, 0))
            counts[path] = iterated + 1, closed
            return Steps() if path == "/iterator-of-its-own" else self

        def __len__(self):
            if path == "/len-fails":
                raise ValueError("in __len__")
            raise TypeError

        def __next__(self):
            self.number += 1
            if path == "/first-step-fails" or self.number == 2 and path == "/second-step-fails":
                raise ValueError("in __next__")
            if path == "/text":
                return "text"
            if path == "/exits":
                sys.exit(1)
            if path == "/endless":
                return bytes(100_000)
            if self.number == 4 or path == "/empty":
                raise StopIteration
            return b"chunk"

        def close(self):
            iterated, closed = counts.get(path, (0, 0))
            counts[path] = iterated, closed + 1
            if path == "/close-fails":
                raise ValueError("in close()")
            if path == "/close-exits":
                sys.exit(1)

    class Steps(Body):
        def __iter__(self):
            return self

        def close(self):
            raise AssertionError("the iterator's close() is not the iterable's")

    headers = []
    if path in ("/too-much", "/too-little", "/exact"):
        headers = [("Content-Length", {"/too-much": "7", "/too-little": "70", "/exact": "15"}[path])]
    if path != "/never-started":
        start_response("204 No Content" if path == "/no-content" else "200 OK", headers)
    return Body()


APPLICATION = ("counts = {}", body, "application = body")


def counts(client, path):
    """How often the body of this path was iterated and closed."""
    return client.get("/counts?" + path).body.decode()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_after_the_last_chunk(method, serve):
    """A whole response, with and without a length, and one that has no body."""
    client = serve(*APPLICATION)
    for path in ("/plain", "/exact", "/empty", "/no-content", "/iterator-of-its-own"):
        assert client.ask(method, path).is_complete
        assert counts(client, path) in ("(1, 1)", "(0, 1)"), path


def test_after_an_error_of_the_iteration(serve):
    """Of the first step or a later one, of the type of a chunk, of the length."""
    client = serve(*APPLICATION)
    paths = ["/first-step-fails", "/second-step-fails", "/text", "/exits", "/too-much", "/too-little"]
    paths += ["/iter-fails", "/never-started"]
    for path in paths:
        client.get(path)
        assert counts(client, path) in ("(1, 1)", "(0, 1)"), path
    client.server.ignore_log()


def test_after_an_error_of_len(serve):
    """It may count as no length, or be an error; closed it is."""
    client = serve(*APPLICATION)
    client.get("/len-fails")
    assert counts(client, "/len-fails") in ("(1, 1)", "(0, 1)")
    client.server.ignore_log()


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_after_the_client_has_gone(leave, serve):
    """In the middle of the stream."""
    client = serve(*APPLICATION)
    asked = client.send("GET", "/endless")
    asked.read_until(bytes(1_000))
    getattr(asked, leave)()
    eventually("it was closed", lambda: counts(client, "/endless") == "(1, 1)")
    client.logged(r"GET /endless: the client hung up after \d+ bytes", level="INFO")


def test_after_the_server_has_ended(serve, tmp_path):
    """In the middle of the stream, when the time of grace is over."""

    def application(environ, start_response):
        class Body:
            def __iter__(self):
                return self

            def __next__(self):
                return bytes(100_000)

            def close(self):
                with open("closed", "a") as file:
                    file.write("closed\n")

        start_response("200 OK", [])
        return Body()

    client = serve(application, options=["--grace=0.1"])
    with client.send() as asked:
        asked.read_until(bytes(1_000))
        assert client.server.stop() == 0
    assert (tmp_path / "closed").read_text() == "closed\n"
    client.server.ignore_log()


def test_an_error_of_close_is_in_the_log(serve):
    """The response is whole by then, and stays so; the worker too."""
    client = serve(*APPLICATION)
    for path, words in (("/close-fails", "ValueError: in close"), ("/close-exits", "SystemExit")):
        response = client.get(path)
        assert (response.body, response.is_complete) == (b"chunk" * 3, True), path
        (text,) = client.logged(rf"{path}.*(.|\n)*{words}")
        assert "Traceback" in text
        assert counts(client, path) == "(1, 1)"


def test_a_generator_is_finished(serve):
    """Its finally runs, however it ends."""

    def application(environ, start_response):
        def chunks():
            try:
                yield b"one"
                yield b"two"
                if environ["PATH_INFO"] == "/fails":
                    raise ValueError("mid-body")
            finally:
                told.append(environ["REQUEST_METHOD"] + environ["PATH_INFO"])

        if environ["PATH_INFO"] == "/told":
            start_response("200 OK", [])
            return [" ".join(told).encode()]
        start_response("200 OK", [("Content-Length", "3")] if environ["PATH_INFO"] == "/cut" else [])
        return chunks()

    client = serve("told = []", application)
    client.get("/plain")
    client.get("/fails")
    client.logged("mid-body")
    client.get("/cut")
    assert client.get("/told").body == b"GET/plain GET/fails GET/cut"


def test_it_comes_after_the_last_byte(serve):
    """Not when the last chunk has been given, but when it is gone."""

    def application(environ, start_response):
        buffer = bytearray(b"x" * (6 << 20))

        class Body:
            def __iter__(self):
                yield buffer

            def close(self):
                buffer[:] = b"y" * len(buffer)
                buffer.clear()

        start_response(
            "200 OK", [("Content-Length", str(6 << 20))] if environ["PATH_INFO"] == "/length" else []
        )
        return Body()

    client = serve(application)
    for path in ("/length", "/none"):
        response = client.get_slowly(path)
        assert response.is_complete and response.body == b"x" * (6 << 20), path


def test_a_close_that_is_no_method_does_no_harm(serve):
    """None, a function of the instance, a property that fails."""

    def application(environ, start_response):
        class Body(list):
            pass

        class Property(list):
            @property
            def close(self):
                raise AttributeError("no close")

        bodies = {"/none": Body([b"x"]), "/function": Body([b"x"]), "/property": Property([b"x"])}
        bodies["/none"].close = None
        bodies["/function"].close = lambda: closed.append(1)
        start_response("200 OK", [("X-Closed", str(len(closed)))])
        return bodies[environ["PATH_INFO"]]

    client = serve("closed = []", application)
    for path in ("/none", "/property", "/function"):
        assert client.get(path).body == b"x"
        client.server.ignore_log()  # It may well say that None is no function.
    assert client.get("/property")["X-Closed"] == "1"
    client.server.ignore_log()


def test_nothing_is_raised_into_the_application_when_the_client_goes(serve):
    """Not even by a write; the generator ends by its close, in GeneratorExit."""

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/told":
            start_response("200 OK", [])
            return [" ".join(told).encode()]
        return chunks(start_response("200 OK", []))

    def chunks(write):
        try:
            while True:
                write(bytes(50_000))
                yield bytes(50_000)
        except BaseException as error:
            told.append(type(error).__name__)
            raise

    client = serve("told = []", application, chunks)
    asked = client.send()
    asked.read_until(bytes(1_000))
    asked.reset()
    told = eventually("it was told of", lambda: client.get("/told").body)
    assert told == b"GeneratorExit"
