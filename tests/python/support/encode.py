"""Requests as bytes: HTTP as a client sends it, the others as nginx does."""

import struct
from urllib.parse import unquote_to_bytes


def http(method, target, headers, body):
    """An HTTP/1.1 request; its headers are given, but Host and Content-Length, which it adds if they are not."""
    names = {name.lower() for name, _ in headers}
    fields = list(headers)
    if "host" not in names:
        fields.insert(0, ("Host", "www.example.com"))
    if body and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def variables(method, target, headers, body, extra):
    """What nginx with our uwsgi_params tells of that request, pairs of bytes. `extra` is sent last."""
    path, _, query = target.partition("?")
    given = {name.lower(): value for name, value in headers}
    told = {
        "REQUEST_METHOD": method,
        "REQUEST_URI": target,
        "PATH_INFO": unquote_to_bytes(path),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": given.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "REQUEST_SCHEME": "http",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "50000",
        "SERVER_NAME": "www.example.com",
        "SERVER_PORT": "80",
        "DOCUMENT_ROOT": "/usr/share/nginx/html",
    }
    pairs = [(name, value) for name, value in told.items() if name not in extra]
    if "host" not in given:
        pairs.append(("HTTP_HOST", "www.example.com"))
    pairs += [("HTTP_" + name.upper().replace("-", "_"), value) for name, value in headers]
    return [(octets(name), octets(value)) for name, value in [*pairs, *extra.items()]]


def octets(text):
    """Bytes as they are, and text as latin-1."""
    return text if isinstance(text, bytes) else text.encode("latin-1")


def uwsgi(pairs, body):
    """modifier1, the length of the vars, modifier2; each name and value behind its length; the body."""
    block = b"".join(struct.pack("<H", len(part)) + part for pair in pairs for part in pair)
    return struct.pack("<BHB", 0, len(block), 0) + block + body


def scgi(pairs, body):
    """CONTENT_LENGTH first, and SCGI; a netstring of names and values; the body."""
    rest = [(name, value) for name, value in pairs if name != b"CONTENT_LENGTH"]
    pairs = [(b"CONTENT_LENGTH", b"%d" % len(body)), (b"SCGI", b"1"), *rest]
    block = b"".join(part + b"\0" for pair in pairs for part in pair)
    return b"%d:%s," % (len(block), block) + body


BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7


def fastcgi(pairs, body):
    """BEGIN_REQUEST as responder, without FCGI_KEEP_CONN; the PARAMS; STDIN."""
    lengths = [struct.pack(">II", len(name) | 1 << 31, len(value) | 1 << 31) for name, value in pairs]
    params = b"".join(length + name + value for length, (name, value) in zip(lengths, pairs))
    begin = record(BEGIN_REQUEST, struct.pack(">HB5x", 1, 0))
    return begin + stream(PARAMS, params) + stream(STDIN, body)


def stream(kind, content):
    """Records of this content, and the empty one that ends it."""
    pieces = [content[at : at + 65_535] for at in range(0, len(content), 65_535)]
    return b"".join(record(kind, piece) for piece in [*pieces, b""])


def record(kind, content):
    """One FastCGI record of request 1."""
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content
