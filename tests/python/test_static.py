"""Files that the server sends itself (--static), beside what else goes on: a reload, a stop, a child that lives."""

import os
import signal
from random import Random

import pytest

from support.server import Client
from support.waiting import eventually

# More than sockets hold, so that the server is not done before the reader is.
DATA = Random(3).randbytes(24 << 20)

APP = """
import os, time

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/fork":
        child = os.fork()
        if child == 0:
            # It lives until it is killed.
            while True:
                time.sleep(60)
        return [str(child).encode()]
    return [VERSION]

VERSION = b"old"
"""


@pytest.fixture
def files(start, folder, tmp_path, scheme, socket_path):
    """`files(*options)` serves a large file at /files/large, an application at / and the same at /api."""
    folder({"app.py": APP})
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "large").write_bytes(DATA)

    def files(*options, **how):
        options = [f"--static=/files={tmp_path / 'files'}", "--mount=/api=app", *options]
        return Client(start("app", *options, listeners={scheme: str(socket_path)}, **how), scheme)

    return files


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("how", ["reload", "stop"])
def test_a_slow_download_ends_whole(files, folder, workers, how):
    """Though the worker that sends it has been told to leave: it does when the reader has all of it."""
    client = files(workers=workers)
    with client.send("GET", "/files/large", receive_buffer=4096) as download:
        download.read_until(DATA[:1000])
        if how == "reload":
            folder({"app.py": APP.replace('b"old"', 'b"new"')})
            client.server.signal(signal.SIGHUP)
            eventually("the new code serves", lambda: client.get("/").body == client.get("/api").body == b"new")
        else:
            client.server.signal(signal.SIGTERM)
            client.server.logged("1 connection is open", level="INFO")
        response = download.response()
    assert response.status == "200 OK" and response.body == DATA and response.is_complete
    if how == "stop":
        assert client.server.wait() == 0


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_beside_a_child_that_lives(files, socket_path, workers):
    """It was forked while a file was on its way, and keeps neither that response open nor the port."""
    client = files(workers=workers)
    children = []
    try:
        with client.send("GET", "/files/large", receive_buffer=4096) as download:
            download.read_until(DATA[:1000])
            # Each worker, also the one that sends the file, comes to have a child.
            children += [int(client.get(path).body) for path in ["/fork", "/api/fork"] * max(1, 2 * workers)]
            response = download.response()
        assert response.body == DATA
        for path in ("/files/large", "/api/files/large"):
            assert client.get(path).body == (DATA if path == "/files/large" else b"old")
        assert client.server.stop() == 0
        assert all(os.path.exists(f"/proc/{child}") for child in children)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("workers", [0, 4])
def test_warm_up_goes_through_mounts(start, launch, folder, scheme, workers):
    """Each application is asked at its own prefix; one that fails there serves nobody."""
    made = """
        asked = []
        def application(environ, start_response):
            asked.append(environ["SCRIPT_NAME"] + "|" + environ["PATH_INFO"])
            start_response("500 No" if environ["PATH_INFO"] == "/broken" else "200 OK", [])
            return [" ".join(asked).encode()]
        """
    folder({"site_app.py": made, "api_app.py": made})
    mount = "--mount=/api=api_app"
    server = start("site_app", mount, "--warm-up=/a", "--warm-up=/api/b", listeners=(scheme,), workers=workers)
    client = Client(server, scheme)
    assert (client.get("/").body, client.get("/api").body) == (b"|/a |/", b"/api|/b /api|")
    refused = launch("site_app", mount, "--warm-up=/a", "--warm-up=/api/broken", listeners=(scheme,), workers=workers)
    assert refused.wait() == 1 and "--warm-up /api/broken" in refused.log()
