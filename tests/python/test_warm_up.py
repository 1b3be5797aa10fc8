"""--warm-up: each new worker answers before it serves, and what fails there serves nobody."""

import signal

import pytest

from support.waiting import eventually

APPLICATION = """
VERSION = {version!r}
asked = []

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == {broken!r}:
        raise RuntimeError("broken by hand")
    start_response("503 Never" if path == "/never" else "200 OK", [("Content-Type", "text/plain")])
    told = VERSION + "".join(asked)
    asked.append(" " + environ["HTTP_HOST"] + path + "?" + environ["QUERY_STRING"])
    return [told.encode()]
"""


def application(version="old", broken="/broken"):
    """It answers with its version, and what it was asked for before."""
    return APPLICATION.format(version=version, broken=broken)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_each_worker_answers_first(start, folder, workers):
    """As it would answer a client; several, in their order."""
    folder({"tide.py": application()})
    server = start("tide", "--warm-up=/a%20b?c", "--warm-up=http://example.com/d", workers=workers)
    body = server.listeners["http"].ask("GET", "/").body
    assert body == b"old localhost/a b?c example.com/d?"
    assert len(server.logged("--warm-up /a%20b.c: answered with 200", max(workers, 1), "INFO")) == max(workers, 1)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "path, words", [("/broken", ["RuntimeError: broken by hand", "--warm-up /broken"]), ("/never", ["503", "--warm-up /never"])]
)
def test_a_start_fails(launch, folder, workers, path, words):
    """With the reason, and status 1."""
    folder({"tide.py": application()})
    server = launch("tide", "--warm-up=" + path, workers=workers)
    assert server.wait() == 1
    for word in words:
        assert word in server.log(), server.log()
    assert server.banner() is None


def test_need_app_false_serves_all_the_same(start, folder):
    """The reason is in the log."""
    folder({"tide.py": application()})
    server = start("tide", "--warm-up=/never", "--need-app=false")
    assert server.listeners["http"].ask("GET", "/").body == b"old localhost/never?"
    server.logged("--warm-up /never")


def test_a_reload_keeps_the_old_workers(start, folder):
    """Though the new code loads."""
    path = folder({"tide.py": application()})
    server = start("tide", "--warm-up=/page", workers=2)
    listener = server.listeners["http"]
    (path / "tide.py").write_text(application("newer", broken="/page"))
    server.signal(signal.SIGHUP)
    eventually("the reload has failed", lambda: "broken by hand" in server.log())
    assert listener.ask("GET", "/").body.startswith(b"old ")
    (path / "tide.py").write_text(application("the newest"))
    server.signal(signal.SIGHUP)
    eventually("the new code serves", lambda: listener.ask("GET", "/").body.startswith(b"the newest "))
    server.ignore_log()
