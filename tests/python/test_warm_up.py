"""--warm-up: each new worker answers before it serves, and what fails there serves nobody."""

import os
import signal

import pytest

from support.waiting import eventually

APPLICATION = """
import os

VERSION = {version!r}
asked = []

def application(environ, start_response):
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("broken by hand")
    asked.append(environ["PATH_INFO"] + "?" + environ["QUERY_STRING"] + " " + environ["HTTP_HOST"])
    start_response(environ["QUERY_STRING"] or "200 OK", [("Content-Type", "text/plain")])
    return [f"{{VERSION}} {{os.getpid()}} {{asked[:-1]}}".encode()]
"""


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_each_worker_answers_first(start, folder, workers):
    """As it would answer a client; several, in their order."""
    folder({"tide.py": APPLICATION.format(version="old")})
    options = ["--warm-up=/a?200%20OK", "--warm-up=http://example.com/b"]
    server = start("tide", *options, workers=workers)
    body = server.listeners["http"].ask("GET", "/").body.decode()
    assert body.endswith("['/b? example.com']") or "example.com" in body, body


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "path, words",
    [("/broken", ["RuntimeError: broken by hand", "--warm-up /broken"]), ("/?503 Never", ["--warm-up /?503"])],
)
def test_a_start_fails(launch, folder, workers, path, words):
    """With the reason, and status 1; check says the same."""
    folder({"tide.py": APPLICATION.format(version="old").replace('environ["QUERY_STRING"] or', '"%20" in environ["QUERY_STRING"] and "503 Never" or')})
    server = launch("tide", "--warm-up=" + path.replace(" ", "%20"), workers=workers)
    assert server.wait() == 1
    for word in words:
        assert word in server.log(), server.log()


def test_a_reload_keeps_the_old_workers(start, folder):
    """Though the new code loads."""
    path = folder({"tide.py": APPLICATION.format(version="old")})
    server = start("tide", "--warm-up=/page", workers=2)
    listener = server.listeners["http"]
    broken = APPLICATION.format(version="new").replace("/broken", "/page")
    (path / "tide.py").write_text(broken)
    server.signal(signal.SIGHUP)
    eventually("the reload has failed", lambda: "broken by hand" in server.log())
    for _ in range(8):
        assert listener.ask("GET", "/").body.startswith(b"old ")
    (path / "tide.py").write_text(APPLICATION.format(version="new").replace("asked = []", "asked = []  # other"))
    server.signal(signal.SIGHUP)
    eventually("the new code serves", lambda: listener.ask("GET", "/").body.startswith(b"new "))
    server.ignore_log()
