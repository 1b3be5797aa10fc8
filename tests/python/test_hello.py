"""The two first programs, as they stand, on the wire of every listener."""

import re

import pytest

from support.server import Client

LIST = """\
def application(environ, start_response):
    start_response(b'200 OK', [(b'Content-Type', b'text/plain')])
    return [b'Hello, World\\n']
"""
GENERATOR = """\
def application(environ, start_response):
    start_response(b'200 OK', [(b'Content-Type', b'text/plain')])
    yield b'Hello, World\\n'
"""

# Date is the only thing that changes.
HTTP_HEAD = (
    rb"HTTP/1\.1 200 OK\r\nContent-Type: text/plain\r\n%s"
    rb"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\nServer: tidegate\r\n%sConnection: close\r\n\r\n"
)
CGI_HEAD = rb"HTTP/1\.1 200 OK\r\nContent-Type: text/plain\r\n%s\r\n"
STATUS_HEAD = rb"Status: 200 OK\r\nContent-Type: text/plain\r\n%s\r\n"
LENGTH = rb"Content-Length: 13\r\n"
BODY = b"Hello, World\n"


def test_the_programs_are_those_of_the_specification(applications):
    """No test has made them easier to serve."""
    assert (applications / "hello.py").read_text() == LIST
    assert (applications / "hello_generator.py").read_text() == GENERATOR


@pytest.fixture(params=["hello.py", "hello_generator.py"])
def program(request, applications):
    return applications / request.param


@pytest.fixture(params=["uwsgi", "scgi", "fastcgi", "http"])
def client(start, program, request):
    return Client(start(str(program), listeners=[request.param]), request.param)


def test_head_and_body_on_the_wire(program, client):
    """Each byte of the response is as it must be; the list's length is known, the generator's is not."""
    response = client.get("/")
    length, chunked, body = (LENGTH, b"", BODY)
    if program.name == "hello_generator.py":
        length = b""
        if client.scheme == "http":
            chunked, body = rb"Transfer-Encoding: chunked\r\n", b"d\r\nHello, World\n\r\n0\r\n\r\n"
    if client.scheme == "fastcgi":
        assert re.fullmatch(STATUS_HEAD % length, response.head + b"\r\n\r\n")
    elif client.scheme == "http":
        assert re.fullmatch(HTTP_HEAD % (length, chunked) + re.escape(body), response.raw)
    else:
        assert re.fullmatch(CGI_HEAD % length + body, response.raw)
    assert (response.status, response["Content-Type"]) == ("200 OK", "text/plain")
    assert (response.body, response.is_complete) == (BODY, True)
