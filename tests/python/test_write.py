"""write(), for applications that cannot do without."""


def test_it_is_what_start_response_returns(serve):
    """What it writes stands before what is iterated."""

    def application(environ, start_response):
        write = start_response("200 OK", [("X-A", "1")])
        write(b"one, ")
        write(b"")
        write(b"two, ")
        return [b"three"]

    response = serve(application).get()
    assert (response.status, response["X-A"], response.body) == ("200 OK", "1", b"one, two, three")
    assert response.is_complete


def test_each_call_of_start_response_returns_it(serve):
    """Also the one that replaces."""

    def application(environ, start_response):
        start_response("200 OK", [])
        try:
            1 / 0
        except ZeroDivisionError as error:
            write = start_response("500 Oops", [], (type(error), error, None))
        write(b"sorry")
        return []

    response = serve(application).get()
    assert (response.status, response.body) == ("500 Oops", b"sorry")


def test_a_generator_may_write(serve):
    """In the order in which things happen."""

    def application(environ, start_response):
        write = start_response("200 OK", [])
        write(b"1")
        yield b"2"
        write(b"3")
        write(b"4")
        yield b""
        write(b"5")
        yield b"6"
        write(b"7")

    response = serve(application).get()
    assert (response.body, response.is_complete) == (b"1234567", True)


def test_bytearray_and_memoryview_are_taken_as_they_are(serve):
    """What is changed after the call was written before."""

    def application(environ, start_response):
        write = start_response("200 OK", [])
        buffer = bytearray(b"abc")
        write(buffer)
        buffer[:] = b"XYZ!"
        write(memoryview(buffer)[1:3])
        del buffer[:]
        return [b"."]

    assert serve(application).get().body == b"abcYZ."


def test_anything_else_is_a_type_error(serve):
    """At the call, and nothing is sent of it."""

    def application(environ, start_response):
        write = start_response("200 OK", [])
        for wrong in ("str", None, 5, [b"list"]):
            try:
                write(wrong)
            except TypeError as error:
                assert type(wrong).__name__ in str(error)
                continue
            raise AssertionError(wrong)
        return [b"good"]

    assert serve(application).get().body == b"good"


def test_an_empty_write_does_not_send_the_head(serve):
    """Only bytes do."""

    def application(environ, start_response):
        start_response("200 OK", [("X-A", "old")])(b"")
        raise ValueError("before the first byte")

    client = serve(application)
    assert client.get().status == "500 Internal Server Error"
    client.logged("before the first byte")


def test_the_first_write_fixes_the_head(serve):
    """exc_info then raises the exception again. No byte has gone out while the application is in its call, so that the
    client can still be told what happened."""

    def application(environ, start_response):
        write = start_response("200 OK", [("X-A", "1")])
        write(b"begun")
        try:
            raise ValueError("after the first byte")
        except ValueError as error:
            start_response("500 Oops", [], (type(error), error, error.__traceback__))
        return [b"never"]

    client = serve(application)
    response = client.get()
    assert (response.status, response.is_complete) == ("500 Internal Server Error", True)
    client.logged("ValueError: after the first byte")


def test_an_exception_after_a_write_is_a_500(serve):
    """What was written leaves when the call is over: nothing of it, if the call fails."""

    def application(environ, start_response):
        start_response("200 OK", [])(b"begun")
        raise ValueError("after the first byte")

    client = serve(application)
    response = client.get()
    assert (response.status, response.is_complete) == ("500 Internal Server Error", True)
    assert b"begun" not in response.body
    (text,) = client.logged("ValueError: after the first byte")
    assert "answered with 500" in text


def test_content_length_is_kept_to(serve):
    """What is too much is not sent; what is missing is seen."""

    def application(environ, start_response):
        write = start_response("200 OK", [("Content-Length", "5")])
        write(b"123")
        if environ["PATH_INFO"] == "/more":
            write(b"4567")
            return [b"89"]
        return []

    client = serve(application)
    response = client.get("/more")
    assert response.body == b"12345"
    client.logged("longer than its Content-Length", level="WARN")
    response = client.get("/fewer")
    assert (response.body, response.is_complete) == (b"123", False)
    client.logged("2 bytes short of its Content-Length")


def test_exactly_content_length(serve):
    """Written, and nothing iterated."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "3")])(b"123")
        return []

    response = serve(application).get()
    assert (response.body, response.is_complete) == (b"123", True)


def test_much(serve):
    """More than any socket buffer holds."""

    def application(environ, start_response):
        write = start_response("200 OK", [])
        for number in range(256):
            write(bytes([number]) * 65536)
        return [b"end"]

    response = serve(application).get()
    assert response.is_complete
    assert response.body == b"".join(bytes([number]) * 65536 for number in range(256)) + b"end"


def test_it_is_no_use_after_the_response(serve):
    """A late write raises, and reaches no client."""

    def application(environ, start_response):
        for write in kept:
            try:
                write(b"late")
            except Exception:
                continue
            raise SystemError("it was written")
        kept.append(start_response("200 OK", []))
        return [b"ok"]

    client = serve("kept = []", application)
    for _ in range(3):
        assert client.get().body == b"ok"
