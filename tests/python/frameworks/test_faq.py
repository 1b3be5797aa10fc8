"""What docs/faq.md says of nginx's errors, of bounds and of streams is so, with the words and options that stand there."""

import re
import socket
import subprocess

import pytest

import support.nginx
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
def nginx(socket_path, tmp_path, monkeypatch):
    """`nginx(directives, to)` is an nginx before the socket, or before `to`, by uwsgi; what it bounds by itself it bounds here."""
    opened = []
    ours = "client_max_body_size 0;"
    assert ours in support.nginx.CONFIGURATION
    monkeypatch.setattr(support.nginx, "CONFIGURATION", support.nginx.CONFIGURATION.replace(ours, ""))

    def nginx(directives="", to=f"unix:{socket_path}"):
        folder = tmp_path / f"nginx{len(opened)}"
        folder.mkdir()
        server = "server { listen 127.0.0.1:PORT; include FOLDER/uwsgi_params; DIRECTIVES location / { PASS } }"
        server = server.replace("DIRECTIVES", directives).replace("PASS", f"uwsgi_pass {to};")
        opened.append(support.nginx.Nginx(folder, "uwsgi", "", server=server))
        return opened[-1]

    yield nginx
    for one in opened:
        one.kill()


@pytest.fixture
def serve(start, socket_path, tmp_path):
    """`serve(*options)` serves the application there."""

    def serve(*options, uwsgi=str(socket_path)):
        name, value = re.search(r"send `([\w-]+): (\w+)`", answer("My stream")).groups()
        (tmp_path / "app.py").write_text(f"STREAMED = {(name, value)!r}\n{APPLICATION}")
        return start("app", *options, listeners={"uwsgi": uwsgi})

    return serve


def test_502(nginx, serve, plain, socket_path):
    """Each reason is in nginx's log in the words by which the page tells what it means."""
    told = answer("nginx says 502")

    def is_502(proxy, path, words):
        assert f'"{words}"' in told
        assert plain.get(proxy.url + path, timeout=PATIENCE).status_code == 502
        eventually(words, lambda: words in proxy.log())

    proxy = nginx()
    is_502(proxy, "/", "No such file")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(socket_path))
    is_502(proxy, "/", "Connection refused")
    server = serve("--workers=1")
    assert plain.get(proxy.url).text == "0"
    is_502(proxy, "/kill", "Connection reset by peer")
    server.logged("it held GET /kill")

    over_tcp = serve("--workers=1", uwsgi="127.0.0.1:0")
    is_502(nginx(to=over_tcp.listeners["uwsgi"].address), "/kill", "upstream prematurely closed")
    over_tcp.logged("it held GET /kill")


def test_413(nginx, serve, plain):
    told = answer("413")
    assert "`client_max_body_size`, 1 MiB if nothing is set" in told and "`--max-body`" in told
    server = serve("--max-body=2M")
    proxy = nginx("location = /more { client_max_body_size 4m; PASS }")
    megabyte = 1 << 20
    assert plain.post(proxy.url, data=b"x" * megabyte).text == str(megabyte)
    refused = plain.post(proxy.url, data=b"x" * (megabyte + 1))
    assert (refused.status_code, "nginx" in refused.text) == (413, True)
    assert plain.post(proxy.url + "/more", data=b"x" * (2 * megabyte)).text == str(2 * megabyte)
    refused = plain.post(proxy.url + "/more", data=b"x" * (2 * megabyte + 1))
    assert (refused.status_code, "nginx" in refused.text) == (413, False)
    server.logged("refused with 413", level="WARN")


def test_504(nginx, serve, plain):
    told = answer("504")
    assert "`--timeout` has passed: the log has the request and the traceback of every thread" in told
    server = serve("--timeout=1", "--workers=1")
    assert plain.get(nginx().url + "/sleep", timeout=PATIENCE).status_code == 504
    server.logged("GET /sleep: answered with 504")
    # Of the thread that is late, and then of all.
    eventually("the tracebacks", lambda: len(re.findall(r"app.py\", line \d+ in app(?s:.*?)in <module>", server.log())) == 2)
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
