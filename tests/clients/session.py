"""What tests/clients/requests.rs does with Python's requests: session.py URL FUNCTION, for a server of the demo."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import requests

URL = sys.argv[1]
TIMEOUT = 20  # seconds; only a failure takes that long


class Session(requests.Session):
    """A session that asks the demo for a path, as the environment's proxies and .netrc would not have it."""

    def __init__(self):
        super().__init__()
        self.trust_env = False

    def request(self, method, path, **options):
        return super().request(method, URL + path, timeout=TIMEOUT, **options)


def environ(response):
    """What the environ page shows, a dict, and the length of the body that it got."""
    assert response.status_code == 200, response
    head, end = response.text.rsplit("\n\nThe request's body: ", 1)
    return dict(line.split("=", 1) for line in head.split("\n")), int(end.removesuffix(" bytes\n"))


def port(session):
    """Our end of the connection that the session uses."""
    return environ(session.get("/environ"))[0]["REMOTE_PORT"]


def some_bytes(length):
    return random.Random(length).randbytes(length)


def one_connection():
    with Session() as session, Session() as other:
        ports = {port(session) for _ in range(50)}
        assert len(ports) == 1, ports
        assert port(other) not in ports, "the environ page does not tell connections apart"
        assert port(session) in ports

        # Nor does any kind of answer end it.
        assert session.get("/hello").text == "Hello, World\n"
        assert session.get("/nothing/caf\u00e9").status_code == 404
        assert session.get("/stream?size=0").status_code == 400
        assert len(session.get("/stream?chunks=7&size=999").content) == 7 * 999
        assert session.post("/echo", data=b"x" * 100_000).content == b"x" * 100_000
        assert port(session) in ports

        told = session.get("/environ", headers={"Connection": "close"})
        assert told.headers["Connection"] == "close"
        assert port(session) not in ports, "the connection was closed"


def uploads():
    with Session() as session:
        before = port(session)

        pieces = [some_bytes(length) for length in (1, 10, 70_000, 3, 300_000, 16_384)]
        body = b"".join(pieces)
        response = session.post("/echo", data=iter(pieces))
        assert response.request.headers["Transfer-Encoding"] == "chunked"
        assert response.content == body
        told, length = environ(session.put("/environ", data=iter(pieces)))
        assert length == len(body) == int(told["CONTENT_LENGTH"]), told

        files = {"file": ("tide table.bin", some_bytes(200_000), "application/x-tide"), "note": (None, "caf\u00e9")}
        response = session.post("/echo", files=files)
        assert response.headers["Content-Type"] == response.request.headers["Content-Type"]
        assert response.headers["Content-Type"].startswith("multipart/form-data; boundary=")
        assert response.content == response.request.body
        assert files["file"][1] in response.content

        body = some_bytes(5 << 20)
        response = session.post("/echo", data=body, headers={"Content-Type": "image/png"})
        assert response.content == body
        assert response.headers["Content-Length"] == str(5 << 20)
        assert response.headers["Content-Type"] == "image/png"

        response = session.post("/echo", json={"tide": ["in", "out"]})
        assert response.json() == {"tide": ["in", "out"]}
        assert session.post("/echo", data=b"").content == b""

        assert port(session) == before, "all of it over one connection"


def streams():
    with Session() as session:
        before = port(session)
        with session.get("/stream?chunks=200&size=1000", stream=True) as response:
            assert response.headers["Transfer-Encoding"] == "chunked"
            assert "Content-Length" not in response.headers
            pieces = list(response.iter_content(chunk_size=None))
        assert {len(piece) for piece in pieces} == {1000} and len(pieces) == 200, "chunks arrive as they were made"
        with session.get("/stream?chunks=5&size=64", stream=True) as response:
            assert len(list(response.iter_lines())) == 5
        assert port(session) == before

        # One that is left in the middle costs its connection, and nothing else.
        with session.get("/stream?chunks=100000&size=65536", stream=True) as response:
            assert len(next(response.iter_content(1000))) == 1000
        assert port(session) != before


def methods():
    with Session() as session:
        before = port(session)
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]:
            told, _ = environ(session.request(method, "/environ"))
            assert told["REQUEST_METHOD"] == method, told

        for path in ["/hello", "/environ", "/stream?chunks=3"]:
            head, get = session.head(path), session.get(path)
            assert (head.status_code, head.content) == (200, b"")
            for field in ["Content-Type", "Vary", "Server"]:
                assert head.headers.get(field) == get.headers.get(field), (path, field, head.headers, get.headers)
        assert session.head("/hello").headers["Content-Length"] == "13"

        told, _ = environ(session.get("/environ", params={"tide": "caf\u00e9 & more"}, headers={"X-Tide": "in"},
                                      cookies={"moon": "full"}, auth=("name", "word")))
        wanted = {"PATH_INFO": "/environ", "QUERY_STRING": "tide=caf%C3%A9+%26+more", "HTTP_X_TIDE": "in",
                  "HTTP_COOKIE": "moon=full", "HTTP_AUTHORIZATION": "Basic bmFtZTp3b3Jk"}
        assert wanted.items() <= told.items(), told

        assert "/tide/caf\u00e9 in" in session.get("/tide/caf\u00e9 in").text
        assert port(session) == before


def large_heads():
    with Session() as session:
        before = port(session)
        told, _ = environ(session.get("/environ", headers={"X-Large": "x" * 50_000}))
        assert told["HTTP_X_LARGE"] == "x" * 50_000
        told, _ = environ(session.get("/environ", headers={f"X-Field-{at}": str(at) for at in range(90)}))
        assert all(told[f"HTTP_X_FIELD_{at}"] == str(at) for at in range(90)), told
        assert port(session) == before

        for headers in [{"X-Large": "x" * 80_000}, {f"X-Field-{at}": str(at) for at in range(110)}]:
            response = session.get("/environ", headers=headers)
            assert response.status_code == 431, response
            assert response.headers["Connection"] == "close" and response.text, response.headers
        assert port(session) != before, "nothing comes after a refusal"


def threads():
    def one(number):
        body = f"{number} ".encode() * 5_000
        with Session() as session:
            for turn in range(20):
                assert session.post("/echo", data=body).content == body
                told, _ = environ(session.get(f"/environ?{number}-{turn}"))
                assert told["QUERY_STRING"] == f"{number}-{turn}"
            return port(session)

    with ThreadPoolExecutor(8) as pool:
        ports = list(pool.map(one, range(8)))
    assert len(set(ports)) == 8, ports


globals()[sys.argv[2]]()
print("passed")
