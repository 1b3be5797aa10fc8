"""Content-Length: never more, visibly less, and added where it is known."""

import pytest


def test_more_than_content_length(serve):
    """No more is sent, no more is asked for, and it is closed."""

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/told":
            start_response("200 OK", [])
            return [repr(told).encode()]
        start_response("200 OK", [("Content-Length", "10")])
        return chunks()

    def chunks():
        try:
            for number in range(5):
                told.append(number)
                yield b"123456"
        finally:
            told.append("closed")

    client = serve("told = []", application, chunks)
    response = client.get()
    assert (response["Content-Length"], response.body) == ("10", b"1234561234")
    client.logged("longer than its Content-Length", level="WARN")
    assert client.get("/told").body == b"[0, 1, 'closed']"


def test_iteration_stops_when_enough_has_been_sent(serve):
    """At exactly Content-Length nothing more is asked for."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "6")])
        yield b"123"
        yield b"456"
        raise AssertionError("asked for more")

    response = serve(application).get()
    assert (response.body, response.is_complete) == (b"123456", True)


def test_fewer_than_content_length(serve):
    """The client sees that something is missing, and the log says how much."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        return [b"123"] if environ["PATH_INFO"] == "/list" else iter([b"12", b"3"])

    client = serve(application)
    for path in ("/list", "/iterator"):
        response = client.get(path)
        assert not (response.status == "200 OK" and response.is_complete), response
        (text,) = client.logged(f"GET {path}: .*short of its Content-Length")
        assert "7 bytes" in text


def test_none_at_all_of_content_length(serve):
    """Also where the body is empty."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        return []

    client = serve(application)
    response = client.get()
    assert not (response.status == "200 OK" and response.is_complete), response
    client.logged("10 bytes short of its Content-Length")


def test_the_length_of_a_single_chunk_is_added(serve):
    """len() == 1: PEP 3333's own example."""

    def application(environ, start_response):
        class One:
            def __len__(self):
                return 1

            def __iter__(self):
                yield b"from an object"

        start_response("200 OK", [])
        return {"/list": [b"from a list"], "/tuple": (b"from a tuple",), "/object": One()}[
            environ["PATH_INFO"]
        ]

    client = serve(application)
    for kind in ("list", "tuple", "object"):
        response = client.get("/" + kind)
        assert response.is_complete and response["Content-Length"] == str(len(response.body)), kind
        assert kind.encode() in response.body


def test_no_length_is_made_up(serve):
    """Not for several chunks, nor for an iterator."""

    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"one", b"two"] if environ["PATH_INFO"] == "/list" else iter([b"one", b"two"])

    client = serve(application)
    for path in ("/list", "/iterator"):
        response = client.get(path)
        assert response.body == b"onetwo" and response.is_complete
        assert response.all("Content-Length") in ([], ["6"])


def test_an_empty_body_has_length_0(serve):
    """However empty it is."""

    def application(environ, start_response):
        start_response("200 OK", [])
        bodies = {"/list": [], "/one": [b""], "/two": [b"", b""], "/iterator": iter([]), "/bytes": b""}
        return bodies[environ["PATH_INFO"]]

    client = serve(application)
    for path in ("/list", "/one", "/two", "/iterator", "/bytes"):
        response = client.get(path)
        assert (response.status, response.body, response.is_complete) == ("200 OK", b"", True), path
        assert response["Content-Length"] == "0", path


def test_a_given_length_stays(serve):
    """Once, and as it was given."""

    def application(environ, start_response):
        start_response("200 OK", [("content-length", "4")])
        return [b"1234"]

    response = serve(application).get()
    assert response.all("Content-Length") == ["4"] and response.body == b"1234"


@pytest.mark.parametrize("claim", [0, 1, 2, -1])
def test_a_len_that_lies_breaks_nothing(claim, serve):
    """The response is whole, or seen not to be; the next request is served."""

    def application(environ, start_response):
        class Liar:
            def __len__(self):
                return CLAIM

            def __iter__(self):
                return iter([b"one", b"two", b"three"])

        start_response("200 OK", [])
        return Liar()

    client = serve(f"CLAIM = {claim}", application)
    for _ in range(2):
        response = client.get()
        if response.status == "200 OK" and response.is_complete:
            assert response.body in (b"onetwothree", b"one")
    client.server.ignore_log()


def test_a_len_that_fails_is_as_none(serve):
    """Some define it only to say that they have none."""

    def application(environ, start_response):
        class Unsized:
            def __len__(self):
                raise TypeError("no length")

            def __iter__(self):
                return iter([b"one", b"two"])

        start_response("200 OK", [])
        return Unsized()

    response = serve(application).get()
    assert (response.body, response.is_complete) == (b"onetwo", True)


def test_a_large_body_arrives_whole(serve):
    """In one chunk, and in many."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return (
            [whole]
            if environ["PATH_INFO"] == "/one"
            else (whole[at : at + 65536] for at in range(0, N, 65536))
        )

    client = serve("import random; N = 5 << 20; whole = random.Random(7).randbytes(N)", application)
    from random import Random

    for path in ("/one", "/many"):
        response = client.get(path)
        assert response.is_complete and response.body == Random(7).randbytes(5 << 20), path
