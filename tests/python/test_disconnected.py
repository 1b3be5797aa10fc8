"""environ['tidegate.disconnected'], and what a client that hangs up causes."""

import pytest

from support.waiting import eventually


def test_it_is_a_callable_that_says_no_while_the_client_is_there(serve):
    """In the call, and in the iteration; always a bool."""

    def application(environ, start_response):
        disconnected = environ["tidegate.disconnected"]
        told = [disconnected()]
        start_response("200 OK", [])
        yield b""
        told.append(disconnected())
        yield b"some, "
        told.append(disconnected())
        yield repr(told).encode()

    assert serve(application).get().body == b"some, [False, False, False]"


@pytest.mark.parametrize("place", ["call", "first", "later"])
@pytest.mark.parametrize("leave", ["close", "reset"])
def test_it_says_so_when_the_client_has_gone(place, leave, serve, tmp_path):
    """While the application works and sends nothing."""

    def application(environ, start_response):
        place = environ["PATH_INFO"][1:]
        start_response("200 OK", [("Content-Type", "text/plain")])
        if place == "call":
            wait(environ, place)
        return steps(environ, place)

    def steps(environ, place):
        if place == "first":
            wait(environ, place)
        yield b"some"
        if place == "later":
            wait(environ, place)

    def wait(environ, place):
        import time

        open("waits", "w").close()
        deadline = time.monotonic() + 20
        while not environ["tidegate.disconnected"]() and time.monotonic() < deadline:
            time.sleep(0.001)
        with open("told", "w") as file:
            file.write(repr(environ["tidegate.disconnected"]()))

    client = serve(steps, wait, application)
    asked = client.send("GET", "/" + place)
    eventually("it waits", (tmp_path / "waits").exists)
    if place == "later":
        asked.read_until(b"some")
    getattr(asked, leave)()
    told = tmp_path / "told"
    assert eventually("it has been told", lambda: told.exists() and told.read_text()) == "True"


@pytest.fixture(params=["uwsgi", "scgi"])
def held(request, start, folder, socket_path):
    """`held(*parts)` serves `application` on a unix socket, where something of a request stays unread: a listener."""

    def held(*parts, options=()):
        folder({"app.py": parts})
        return start("app", *options, listeners={request.param: str(socket_path)}).listeners[request.param]

    return held


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("body", [b"", b"x" * 1_000, b"x" * 300_000], ids=["no-body", "small-body", "large-body"])
def test_it_says_so_though_something_of_the_request_is_unread(body, threads, held, tmp_path):
    """No while the client is there, and yes when it has gone; the body came whole."""

    def application(environ, start_response):
        import time

        disconnected = environ["tidegate.disconnected"]
        told = [len(environ["wsgi.input"].read()), disconnected()]
        open("waits", "w").close()
        deadline = time.monotonic() + 20
        while not disconnected() and time.monotonic() < deadline:
            time.sleep(0.001)
        told.append(disconnected())
        with open("telling", "w") as file:
            file.write(repr(told))
        os.rename("telling", "told")
        start_response("200 OK", [])
        return []

    asked = held("import os", application, options=[f"--threads={threads}"]).send("POST", "/", body=body)
    eventually("it waits", (tmp_path / "waits").exists)
    asked.close()
    told = tmp_path / "told"
    eventually("it has been told", told.exists)
    assert told.read_text() == repr([len(body), False, True])


@pytest.mark.parametrize("threads", [1, 4])
def test_a_stream_ends_though_something_of_the_request_is_unread(threads, held, tmp_path):
    """Its client has gone, and the body is closed."""

    def application(environ, start_response):
        start_response("200 OK", [])
        try:
            while True:
                yield bytes(50_000)
        finally:
            open("closed", "w").close()

    asked = held(application, options=[f"--threads={threads}"]).send("GET", "/stream")
    asked.read_until(bytes(1_000))
    asked.close()
    eventually("the body is closed", (tmp_path / "closed").exists)


def test_a_client_that_sent_more_is_still_there(start, folder, tmp_path):
    """On HTTP, where the next request may stand behind this one, it is bytes that are not the end."""

    def application(environ, start_response):
        start_response("200 OK", [])
        return [repr(environ["tidegate.disconnected"]()).encode()]

    folder({"app.py": application})
    listener = start("app").listeners["http"]
    with listener.connect() as connection:
        connection.sendall(listener.encode("GET", "/", keep_alive=True) + listener.encode("GET", "/"))
        raw = b""
        while chunk := connection.recv(65536):
            raw += chunk
    assert raw.count(b"\r\n\r\nFalse") == 2


def test_a_hang_up_is_one_line_at_info_with_the_bytes_sent(serve):
    """No traceback, nothing at a higher level."""

    def application(environ, start_response):
        start_response("200 OK", [])
        while True:
            yield bytes(50_000)

    client = serve(application)
    for _ in range(3):
        asked = client.send("GET", "/stream")
        asked.read_until(bytes(1_000))
        asked.reset()
    for text in client.logged(r"GET /stream: the client hung up after (\d+) bytes$", 3, "INFO"):
        assert int(text.split()[-2]) > 1_000


def test_it_may_be_asked_when_all_is_over(serve):
    """From a thread that has outlived its request."""

    def application(environ, start_response):
        start_response("200 OK", [])
        told = [question() for question in kept]
        kept.append(environ["tidegate.disconnected"])
        return [repr(told).encode()]

    client = serve("kept = []", application)
    for count in range(4):
        assert client.get().body.count(b",") == max(count - 1, 0)
