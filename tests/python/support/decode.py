"""Responses from bytes: all that came until the connection's end, and not a byte that does not belong there."""

import struct

from support.encode import END_REQUEST, STDERR, STDOUT


class Response:
    """What a client got.

    `head` is as it was on the wire, without the empty line. `is_complete` says whether a client can believe that it
    is whole; where it is not, `body` is what there is of it.
    """

    def __init__(self, raw, head, body, is_complete):
        self.raw = raw
        self.head = head
        self.body = body
        self.is_complete = is_complete
        first, *fields = head.decode("latin-1").split("\r\n")
        self.status = first.partition(" ")[2]
        self.headers = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]

    def all(self, name):
        """The values of each field of this name, in any case."""
        return [value for other, value in self.headers if other.lower() == name.lower()]

    def __getitem__(self, name):
        """The value of the one field of this name."""
        (value,) = self.all(name)
        return value

    def __contains__(self, name):
        return bool(self.all(name))

    def __repr__(self):
        end = "" if self.is_complete else " (broken off)"
        body = self.body if len(self.body) < 2000 else self.body[:2000] + b"..."
        return f"<{self.status!r} {self.headers} {len(self.body)} bytes {body!r}{end}>"


class NoResponse(AssertionError):
    """The connection ended before a head had come."""


def split(raw):
    """A head and what is behind it."""
    head, found, rest = raw.partition(b"\r\n\r\n")
    if not found:
        raise NoResponse(f"no whole head in {raw!r}")
    return head, rest


def http(raw, method, was_reset):
    """An HTTP/1.1 response, after which the connection was closed."""
    head, rest = split(raw)
    response = Response(raw, head, rest, not was_reset)
    if method == "HEAD" or response.status[:3] in ("204", "304"):
        assert rest == b"", f"a body where none may be: {raw!r}"
    elif "Transfer-Encoding" in response:
        assert response["Transfer-Encoding"] == "chunked" and "Content-Length" not in response, response
        response.body, response.is_complete = chunked(rest)
    else:
        measure(response)
    return response


def chunked(raw):
    """The content of a chunked body, and whether its end had come."""
    pieces, at = [], 0
    while True:
        end = raw.find(b"\r\n", at)
        if end < 0:
            return b"".join(pieces), False
        size, at = int(raw[at:end], 16), end + 2
        if size == 0:
            assert raw[at:] in (b"", b"\r\n"), f"behind the last chunk: {raw[at:]!r}"
            return b"".join(pieces), raw[at:] == b"\r\n"
        pieces.append(raw[at : at + size])
        at += size
        if len(raw) < at + 2:
            return b"".join(pieces), False
        assert raw[at : at + 2] == b"\r\n", f"behind a chunk: {raw[at:]!r}"
        at += 2


def measure(response):
    """Compares the body with the Content-Length, if there is one."""
    if "Content-Length" in response:
        length = int(response["Content-Length"])
        assert len(response.body) <= length, f"more than its Content-Length: {response!r}"
        response.is_complete = len(response.body) == length


def cgi(raw, method, was_reset):
    """What uwsgi and SCGI answer: HTTP's head, and the body up to the connection's end."""
    head, rest = split(raw)
    assert head.startswith(b"HTTP/1.1 "), head
    response = Response(raw, head, rest, not was_reset)
    if method == "HEAD" or response.status[:3] in ("204", "304"):
        assert rest == b"", f"a body where none may be: {raw!r}"
    else:
        measure(response)
    return response


def fastcgi(raw, method, was_reset):
    """The records of one request, whose head begins with Status."""
    texts, complaints, ended, at = [], b"", False, 0
    while len(raw) >= at + 8:
        version, kind, number, length, padding = struct.unpack_from(">BBHHBx", raw, at)
        content, at = raw[at + 8 : at + 8 + length], at + 8 + length + padding
        assert (version, number, ended) == (1, 1, False), raw
        if kind == STDOUT:
            texts.append(content)
        elif kind == STDERR:
            complaints += content
        else:
            assert kind == END_REQUEST, raw
            ended = content[4] == 0
    head, body = split(b"".join(texts))
    assert head.startswith(b"Status: "), head
    response = Response(raw, head, body, ended and at == len(raw) and not was_reset)
    response.complaints = complaints
    if method == "HEAD" or response.status[:3] in ("204", "304"):
        assert body == b"", f"a body where none may be: {raw!r}"
    elif ended:
        measure(response)
    return response


DECODERS = {"http": http, "uwsgi": cgi, "scgi": cgi, "fastcgi": fastcgi}
