"""A Bottle application behind nginx."""

from random import Random

import pytest

from support.server import APPLICATIONS

DATA = Random(6).randbytes(500_000)


@pytest.fixture
def bottle(behind_nginx, tmp_path):
    """`bottle()` starts it; returns a session."""

    def bottle(scheme="uwsgi"):
        (tmp_path / "data.bin").write_bytes(DATA)
        return behind_nginx(
            str(APPLICATIONS / "bottle_app.py"), f"--env=TIDE_FOLDER={tmp_path}", scheme=scheme
        )

    return bottle


def all_of_it(session):
    assert session.get("/hello/caf\u00e9").text == "Hello, caf\u00e9; you were nobody"
    assert session.get("/hello/anyone").text.startswith("Hello, anyone; you were caf")
    told = session.get("/json?a=\u6d77&b=%26", headers={"User-Agent": "tests"}).json()
    assert told == {"query": {"a": "\u6d77", "b": "&"}, "agent": "tests"}
    files = {"file": ("data.bin", DATA, "application/x-tide")}
    told = session.post("/form", files=files, data={"note": "caf\u00e9"}).json()
    assert told == {"note": "caf\u00e9", "name": "data.bin", "size": len(DATA)}
    assert session.post("/raw", data=DATA).content == DATA
    assert session.get("/generator").text == "one, two"
    response = session.get("/static/data.bin")
    assert response.content == DATA and response.headers["Content-Length"] == str(len(DATA))
    part = session.get("/static/data.bin", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, DATA[10:20])
    assert session.head("/static/data.bin").content == b""
    known = session.get("/static/data.bin", headers={"If-Modified-Since": response.headers["Last-Modified"]})
    assert known.status_code == 304
    assert session.get("/away").history[0].status_code == 303
    assert session.get("/refused").status_code == 403 and session.get("/nothing").status_code == 404


def test_all_of_it(bottle):
    """Routes, cookies, JSON, forms, files, redirects, errors."""
    all_of_it(bottle())


def test_over_the_other_protocols(bottle, other_scheme):
    """It cannot tell which."""
    all_of_it(bottle(other_scheme))
