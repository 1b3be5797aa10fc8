"""wsgiref.validate.validator around applications of every kind, without a complaint."""

import pytest

from support.server import Client

KINDS = '''
    """Applications that keep to PEP 3333, each behind the validator."""

    import io
    import sys
    import warnings
    from wsgiref.validate import validator

    warnings.simplefilter("error")
    PLAIN = [("Content-Type", "text/plain")]


    def a_list(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
        return [b"one", b"two"]


    def empty(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []


    def generator(environ, start_response):
        start_response("200 OK", list(PLAIN))
        yield b"one"
        yield b""
        yield b"two"


    def iterator(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return iter([b"one", b"two"])


    class Class:
        def __init__(self, environ, start_response):
            start_response("200 OK", list(PLAIN))

        def __iter__(self):
            return iter([b"one", b"two"])

        def close(self):
            pass


    def file_wrapper(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return environ["wsgi.file_wrapper"](io.BytesIO(b"onetwo"))


    def real_file(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))


    def write(environ, start_response):
        write = start_response("200 OK", list(PLAIN))
        write(b"one")
        return [b"two"]


    def exc_info(environ, start_response):
        start_response("200 OK", list(PLAIN))
        try:
            raise ValueError("replaced")
        except ValueError:
            start_response("500 Oops", list(PLAIN), sys.exc_info())
        return [b"onetwo"]


    def no_content(environ, start_response):
        start_response("204 No Content", [])
        return []


    def not_modified(environ, start_response):
        start_response("304 Not Modified", [("ETag", '"x"')])
        return []


    def errors(environ, start_response):
        environ["wsgi.errors"].write("")
        environ["wsgi.errors"].writelines([])
        environ["wsgi.errors"].flush()
        return a_list(environ, start_response)


    def read(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]


    def read_little(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return list(iter(lambda: environ["wsgi.input"].read(3), b""))


    def read_all(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return [environ["wsgi.input"].read(-1)]


    def readline(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return list(iter(environ["wsgi.input"].readline, b""))


    def readline_little(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return list(iter(lambda: environ["wsgi.input"].readline(2), b""))


    def readlines(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return environ["wsgi.input"].readlines()


    def readlines_little(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return list(line for lines in iter(lambda: environ["wsgi.input"].readlines(1), []) for line in lines)


    def iterate(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return [line for line in environ["wsgi.input"]]


    VALIDATED = {name: validator(kind) for name, kind in list(globals().items()) if name in KINDS}


    def application(environ, start_response):
        return VALIDATED[environ["PATH_INFO"][1:]](environ, start_response)
'''
BODIES = ["a_list", "generator", "iterator", "Class", "file_wrapper", "write", "exc_info", "errors"]
BODILESS = ["empty", "no_content", "not_modified"]
READERS = [
    "read",
    "read_little",
    "read_all",
    "readline",
    "readline_little",
    "readlines",
    "readlines_little",
    "iterate",
]


@pytest.fixture(params=["uwsgi", "http", "fastcgi", "scgi"])
def validated(request, start, folder):
    """A client of all the kinds; the end of the test finds every complaint in the log."""
    folder({"app.py": [f"KINDS = {[*BODIES, *BODILESS, *READERS, 'real_file']}", KINDS]})
    return Client(start("app", listeners=[request.param]), request.param)


def test_bodies_of_every_kind(validated):
    """Whole, over GET and HEAD."""
    for kind in BODIES:
        response = validated.get("/" + kind)
        assert (response.status[:3], response.body) == (
            "500" if kind == "exc_info" else "200",
            b"onetwo",
        ), kind
        assert "Oops" in response.status or response.status == "200 OK", kind
        head = validated.ask("HEAD", "/" + kind)
        assert (head.status, head.body) == (response.status, b""), kind
    for kind in BODILESS:
        assert validated.get("/" + kind).body == b"", kind
    assert b"def real_file" in validated.get("/real_file").body


def test_the_input_read_in_every_way(validated):
    """Short lines and long ones, and nothing."""
    for body in (b"one\ntwo\n\nthree", b"\n", b"x" * 20_000 + b"\ny", b"a"):
        for kind in READERS:
            response = validated.post("/" + kind, body, [("Content-Type", "text/plain")])
            assert (response.status, response.body) == ("200 OK", body), (kind, body[:20])
    for kind in READERS[1:]:
        assert validated.get("/" + kind).body == b"", kind


def test_methods_and_queries(validated):
    """Whatever a request is, its environ is as the validator wants it."""
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        response = validated.ask(method, "/a_list?a=b;c&%20", [("X-Tide", "high"), ("Cookie", "a=b")])
        assert response.status == "200 OK", method
