"""A Flask application behind nginx."""

from random import Random

import pytest
import requests

from support.server import APPLICATIONS

DATA = Random(5).randbytes(1_000_000)
APP = str(APPLICATIONS / "flask_app.py")


@pytest.fixture
def flask(behind_nginx, tmp_path):
    """`flask()` starts it; returns a session."""

    def flask(scheme="uwsgi"):
        (tmp_path / "file").write_bytes(DATA)
        return behind_nginx(APP, f"--env=TIDE_FILE={tmp_path / 'file'}", scheme=scheme)

    return flask


def test_sessions(flask):
    """What a cookie signs is there in the next request."""
    session = flask()
    assert session.get("/").text == "Hello, stranger"
    response = session.post("/login", data={"name": "caf\u00e9 \u6d77"})
    assert response.text == "Hello, caf\u00e9 \u6d77" and response.history[0].status_code == 302
    assert session.get("/messages").json() == ["Welcome aboard"]
    assert session.get("/messages").json() == []
    assert session.post("/logout").text == "Hello, stranger"


def test_a_stream(flask):
    """Whole, with the request's context in it."""
    response = flask().get("/stream?word=caf\u00e9", stream=True)
    assert list(response.iter_lines()) == [
        "caf\u00e9".encode(),
        *(b"line %d" % number for number in range(1_000)),
    ]


def test_a_file_with_ranges(flask):
    """All of it, parts of it, nothing that is known already, and HEAD."""
    session = flask()
    whole = session.get("/file")
    assert whole.content == DATA and whole.headers["Content-Length"] == str(len(DATA))
    for value, wanted in [
        ("bytes=0-0", DATA[:1]),
        ("bytes=1000-500999", DATA[1_000:501_000]),
        ("bytes=999000-", DATA[999_000:]),
        ("bytes=-10", DATA[-10:]),
    ]:
        part = session.get("/file", headers={"Range": value})
        assert (part.status_code, part.content) == (206, wanted), value
        assert part.headers["Content-Length"] == str(len(wanted))
        assert part.headers["Content-Range"].endswith(f"/{len(DATA)}")
    assert session.get("/file", headers={"Range": "bytes=2000000-"}).status_code == 416
    known = session.get("/file", headers={"If-None-Match": whole.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = session.head("/file")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(DATA)), b"")


def test_an_attachment(flask):
    """Its name is no latin-1, and is sent as RFC 5987 has it."""
    response = flask().get("/attachment")
    assert response.content == DATA
    assert "filename*=UTF-8''Gezeiten%20%C3%BC.bin" in response.headers["Content-Disposition"]


def test_uploads(flask):
    """A form with a file, JSON, and a body that is read in pieces; chunked as well."""
    session = flask()
    files = {"file": ("t\u00e4ble.bin", DATA, "application/x-tide")}
    told = session.post("/upload", files=files, data={"note": "caf\u00e9"}).json()
    assert told == {
        "name": "t\u00e4ble.bin",
        "type": "application/x-tide",
        "size": len(DATA),
        "note": "caf\u00e9",
    }
    told = session.post("/json", json={"tide": ["high", "\u6d77"]}).json()
    assert told["got"] == told["again"] == {"tide": ["high", "\u6d77"]}
    assert session.post("/raw", data=DATA).content == DATA
    assert session.post("/raw", data=iter([DATA[:10], DATA[10:]])).content == DATA


def test_urls_and_errors(flask):
    """What the application knows of the request, and what it answers to a bad one."""
    session = flask()
    told = session.get("/url/a/caf\u00e9%2Fb?c=d").json()
    assert told["url"] == session.url + "/url/a/caf\u00e9/b?c=d"
    assert (told["rest"], told["root"], told["peer"]) == ("a/caf\u00e9/b", "", "127.0.0.1")
    assert [session.get(f"/abort/{status}").status_code for status in (404, 418, 503)] == [404, 418, 503]
    assert session.get("/login").status_code == 405
    assert session.post("/json", data="{", headers={"Content-Type": "application/json"}).status_code == 400
    assert session.get("/fails").status_code == 500
    session.server.logged("ValueError: the view fails")  # Flask writes it to wsgi.errors.
    session.server.ignore_log()
    assert session.get("/").status_code == 200


def test_a_factory(behind_nginx):
    """`file.py:create_app('word')`."""
    assert behind_nginx(APP + ":create_app('made')").get("/").text == "made"


def test_over_the_other_protocols(flask, other_scheme):
    """It cannot tell which."""
    session = flask(other_scheme)
    assert session.post("/login", data={"name": "me"}).text == "Hello, me"
    assert session.get("/file").content == DATA
    part = session.get("/file", headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, DATA[1_000:2_000])
    assert session.post("/raw", data=iter([DATA[:10], DATA[10:]])).content == DATA
    assert session.get("/stream?word=x").text.count("\n") == 1_001


@pytest.mark.parametrize("scheme", ["http", "fastcgi"])
def test_a_stream_that_fails_is_seen_to_be_broken_off(flask, scheme):
    """By the client of nginx, where the protocol can tell on a unix socket."""
    session = flask(scheme)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get("/late")
    session.server.logged("ValueError: the stream fails")
