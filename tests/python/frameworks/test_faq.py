"""What docs/faq.md says of nginx's errors, of bounds and of streams is so, with the words and options that stand there."""

import re
import subprocess

import pytest

from support.nginx import Nginx
from support.server import ROOT, TIDEGATE
from support.waiting import PATIENCE, eventually

PAGE = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
APPLICATION = """
import os, time

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/kill":
        os.kill(os.getpid(), 9)
    if path == "/sleep":
        time.sleep(60)
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain"), STREAMED])
        return chunks()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(len(environ["wsgi.input"].read())).encode()]

def chunks():
    yield b"first"
    while not os.path.exists("goon"):
        time.sleep(0.01)
    yield b"second"
"""


def answer(begins):
    """The paragraph that begins with this question."""
    (paragraph,) = [text for text in PAGE.split("\n\n") if text.startswith(f"**{begins}")]
    return " ".join(paragraph.split())


@pytest.fixture
def nginx(socket_path, tmp_path):
    """`nginx(directives)` is an nginx before the socket, by uwsgi."""
    opened = []

    def nginx(directives=""):
        (tmp_path / "nginx").mkdir()
        opened.append(Nginx(tmp_path / "nginx", "uwsgi", socket_path, server="server { listen 127.0.0.1:PORT; " + directives + "location / { include FOLDER/uwsgi_params; PASS } }"))
        return opened[0]

    yield nginx
    for one in opened:
        one.kill()


@pytest.fixture
def serve(start, socket_path, tmp_path):
    """`serve(*options)` serves the application there."""

    def serve(*options):
        name, value = re.search(r"send `([\w-]+): (\w+)`", answer("My stream")).groups()
        (tmp_path / "app.py").write_text(f"STREAMED = {(name, value)!r}\n{APPLICATION}")
        return start("app", *options, listeners={"uwsgi": str(socket_path)})

    return serve


def test_502(nginx, serve, plain, socket_path):
    """Each reason is in nginx's log in the words by which the page tells what it means."""
    told = answer("nginx says 502")
    proxy = nginx()

    def is_logged(words):
        assert f'"{words}"' in told
        eventually(words, lambda: words in proxy.log())

    assert plain.get(proxy.url).status_code == 502
    is_logged("No such file")
    server = serve("--workers=1")
    assert plain.get(proxy.url).text == "0"
    assert plain.get(proxy.url + "/kill").status_code == 502
    is_logged("upstream prematurely closed")
    server.logged("worker 1")
    server.signal(9)
    server.wait()
    assert plain.get(proxy.url).status_code == 502
    is_logged("Connection refused")


def test_413(nginx, serve, plain):
    told = answer("413")
    assert "`client_max_body_size`, 1 MiB if nothing is set" in told and "`--max-body`" in told
    serve("--max-body=2M")
    proxy = nginx("location = /more { client_max_body_size 4m; include FOLDER/uwsgi_params; PASS } ")
    megabyte = 1 << 20
    assert plain.post(proxy.url, data=b"x" * megabyte).text == str(megabyte)
    refused = plain.post(proxy.url, data=b"x" * (megabyte + 1))
    assert (refused.status_code, "nginx" in refused.text) == (413, True)
    assert plain.post(proxy.url + "/more", data=b"x" * (2 * megabyte)).text == str(2 * megabyte)
    refused = plain.post(proxy.url + "/more", data=b"x" * (2 * megabyte + 1))
    assert (refused.status_code, "nginx" in refused.text) == (413, False)


def test_504(nginx, serve, plain):
    told = answer("504")
    assert "`--timeout` has passed: the log has the request and the traceback of every thread" in told
    server = serve("--timeout=1", "--workers=1")
    assert plain.get(nginx().url + "/sleep", timeout=PATIENCE).status_code == 504
    server.logged("GET /sleep: answered with 504")
    eventually("the traceback", lambda: re.search(r"app.py\", line \d+ in app", server.log()))
    server.ignore_log()


def test_a_stream_arrives_as_it_comes(nginx, serve, plain, tmp_path):
    serve()
    with plain.get(nginx().url + "/stream", stream=True, timeout=PATIENCE) as response:
        pieces = response.iter_content(None)
        assert next(pieces) == b"first", "the second is not made before this has come"
        (tmp_path / "goon").write_text("")
        assert b"".join(pieces) == b"second"


def test_the_server_is_asked_without_nginx(serve, socket_path):
    """`tidegate request ADDRESS /`, and --trace."""
    assert "`tidegate request ADDRESS /`" in answer("nginx says 502")
    server = serve("--trace")
    asked = subprocess.run([TIDEGATE, "request", str(socket_path), "/"], capture_output=True, text=True, timeout=PATIENCE)
    assert asked.stdout == "0", asked.stderr
    eventually("the story", lambda: "finished        200" in server.stdout.read_text())


def test_the_line_for_django_is_the_one_that_others_have():
    (line,) = re.findall(r"`(uwsgi_param [^`]*)`", answer("403"))
    for page in ("README.md", "docs/nginx.md"):
        assert f"        {line}\n" in (ROOT / page).read_text(encoding="utf-8")
