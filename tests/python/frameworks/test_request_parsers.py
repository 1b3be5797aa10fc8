"""WebOb's and Werkzeug's parsing of multipart bodies, behind nginx."""

import hashlib
from random import Random

import pytest

from support.server import APPLICATIONS

APP = str(APPLICATIONS / "request_parsers.py")


@pytest.mark.parametrize("parser", ["webob", "werkzeug"])
def test_multipart_bodies(parser, behind_nginx):
    """Fields and files, in memory and on disk, with names of every kind."""
    session = behind_nginx(APP)
    for size in (0, 1, 10_000, 131_072, 3_000_000):
        data = Random(size).randbytes(size)
        digest = hashlib.sha256(data).hexdigest()
        files = [
            ("file", ("tide table.bin", data, "application/x-tide")),
            ("file", ("second.txt", b"--boundary\r\n", "text/plain")),
            ("note", (None, "caf\u00e9 \u6d77")),
            ("note", (None, "a second\r\nline")),
            ("empty", (None, "")),
        ]
        wanted = [
            ["file", "tide table.bin", digest],
            ["file", "second.txt", hashlib.sha256(b"--boundary\r\n").hexdigest()],
            ["note", None, "caf\u00e9 \u6d77"],
            ["note", None, "a second\r\nline"],
            ["empty", None, ""],
        ]
        assert session.post("/" + parser, files=files).json() == sorted(wanted, key=repr), size


@pytest.mark.parametrize("parser", ["webob", "werkzeug"])
def test_forms(parser, behind_nginx):
    """Urlencoded, and chunked on the way to nginx."""
    session = behind_nginx(APP)
    wanted = [["a", None, "1"], ["b", None, "\u6d77 & more"]]
    assert session.post("/" + parser, data={"a": "1", "b": "\u6d77 & more"}).json() == wanted
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    pieces = iter([b"a=1&b=%E6%B5%B7", b"+%26+more"])
    assert session.post("/" + parser, data=pieces, headers=kind).json() == wanted
