"""HEAD, 204, 304, and 1xx, which no application may send."""

import pytest


def kinds(environ, start_response):
    """An application of each kind, with and without a length; counts how often they are closed."""
    import io

    class Body:
        def __iter__(self):
            return iter([b"one", b"two"])

        def close(self):
            closed.append(1)

    kind, _, status = environ["PATH_INFO"][1:].partition("/")
    status = status.replace("-", " ") or "200 OK"
    if kind == "closed":
        start_response("200 OK", [])
        return [b"%d" % len(closed)]
    headers = [("X-A", "1")] + ([("Content-Length", "6")] if environ["QUERY_STRING"] == "length" else [])
    write = start_response(status, headers)
    if kind == "list":
        return [b"onetwo"]
    if kind == "two":
        return [b"one", b"two"]
    if kind == "write":
        write(b"one")
        write(b"two")
        return []
    if kind == "file":
        return environ["wsgi.file_wrapper"](io.BytesIO(b"onetwo"))
    if kind == "bytes":
        return b"onetwo"
    return Body() if kind == "body" else iter([b"one", b"two"])


APPLICATION = ("closed = []", kinds, "application = kinds")
KINDS = ["list", "two", "iterator", "write", "file", "bytes", "body"]


def test_body_on_head(serve):
    """No byte of it is sent, of whatever kind, and the headers are there."""
    client = serve(*APPLICATION)
    for kind in KINDS:
        response = client.ask("HEAD", "/" + kind)
        assert (response.status, response["X-A"], response.body) == ("200 OK", "1", b""), kind
        assert response.all("Content-Length") in ([], ["6"]), kind
        response = client.ask("HEAD", f"/{kind}?length")
        assert (response["Content-Length"], response.body) == ("6", b""), kind


@pytest.mark.parametrize("status", ["204-No-Content", "304-Not-Modified"])
def test_body_on_204_and_304(status, serve):
    """No byte of it is sent, of whatever kind."""
    client = serve(*APPLICATION)
    for kind in KINDS:
        for query in ("", "?length"):
            response = client.get(f"/{kind}/{status}{query}")
            assert (response.status, response["X-A"]) == (status.replace("-", " "), "1"), kind
            assert response.body == b"", kind


def test_a_204_has_no_length(serve):
    """RFC 9110, 8.6; a 304 keeps the one it was given."""
    client = serve(*APPLICATION)
    assert "Content-Length" not in client.get("/list/204-No-Content?length")
    assert client.get("/list/304-Not-Modified?length")["Content-Length"] == "6"


def test_what_is_not_sent_is_closed(serve):
    """Once, without a body as with one."""
    client = serve(*APPLICATION)
    for count, request in enumerate(["HEAD /body", "GET /body/204-No", "GET /body/304-No", "GET /body"], 1):
        client.ask(*request.split())
        assert client.get("/closed").body == b"%d" % count, request


def test_a_connection_goes_on_after_them(start, folder):
    """Over HTTP the next response stands where the last ended."""
    folder({"app.py": APPLICATION})
    listener = start("app").listeners["http"]
    with listener.connect() as connection:
        for method, path in [
            ("HEAD", "/two"),
            ("GET", "/two/204-No"),
            ("HEAD", "/file"),
            ("GET", "/list/304-No"),
        ]:
            connection.sendall(listener.encode(method, path, keep_alive=True))
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(1)
            assert head.startswith(b"HTTP/1.1 ") and b"Connection: close" not in head
        connection.sendall(listener.encode("GET", "/list"))
        rest = b""
        while chunk := connection.recv(65536):
            rest += chunk
        assert rest.startswith(b"HTTP/1.1 200 OK\r\n") and rest.endswith(b"\r\n\r\nonetwo")


def test_an_interim_status_is_refused(serve):
    """A front end would take it for the final one."""

    def application(environ, start_response):
        start_response("100 Continue", [])
        return [b"never"]

    client = serve(application)
    assert client.get().status == "500 Internal Server Error"
    client.logged("ValueError")
