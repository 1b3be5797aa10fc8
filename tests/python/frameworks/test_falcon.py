"""A Falcon application behind nginx."""

from random import Random

from support.server import APPLICATIONS

DATA = Random(8).randbytes(500_000)
APP = str(APPLICATIONS / "falcon_app.py")


def all_of_it(session):
    response = session.get("/items/caf\u00e9?a=1&b=\u6d77")
    told = response.json()
    assert (told["name"], told["query"]) == ("caf\u00e9", {"a": "1", "b": "\u6d77"})
    assert told["url"].startswith(session.url + "/items/") and told["peer"] == "127.0.0.1"
    assert response.cookies["seen"] == "yes"
    response = session.put("/items/x", json={"tide": ["high", None]})
    assert (response.status_code, response.headers["Location"]) == (201, "/items/x")
    assert response.json() == {"got": {"tide": ["high", None]}}
    response = session.delete("/items/x")
    assert (response.status_code, response.content) == (204, b"")
    assert session.post("/raw", data=DATA).content == DATA
    assert session.post("/raw", data=iter([DATA[:10], DATA[10:]])).content == DATA
    files = {"file": ("data.bin", DATA, "application/x-tide")}
    told = session.post("/form", files=files, data={"note": "caf\u00e9"}).json()
    assert told == {"file": ["data.bin", len(DATA)], "note": [None, 5]}
    assert session.get("/stream").text.splitlines() == [f"line {number}" for number in range(1_000)]
    assert session.get("/refused").json()["title"] == "Not here"
    assert session.post("/items/x").status_code == 405 and session.get("/nothing").status_code == 404


def test_all_of_it(behind_nginx):
    """Routes, cookies, media of both directions, streams, errors."""
    all_of_it(behind_nginx(APP))


def test_over_the_other_protocols(behind_nginx, other_scheme):
    """It cannot tell which."""
    all_of_it(behind_nginx(APP, scheme=other_scheme))
