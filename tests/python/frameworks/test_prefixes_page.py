"""The commands, the settings and nginx's blocks of docs/prefixes.md do what it says of them."""

import re
import shlex

import pytest

from support.nginx import Nginx
from support.server import ROOT

PAGE = (ROOT / "docs" / "prefixes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
WHO = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{__name__} {environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]
"""


def indented(contains):
    """The block of code that is set off by four blanks and has this in it."""
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    (block,) = [block for block in re.findall(r"(?:^    .*\n)+", prose, re.MULTILINE) if contains in block]
    return re.sub(r"^    ", "", block, flags=re.MULTILINE)


@pytest.fixture
def serve(start, tmp_path):
    """`serve(words)` starts the command; its listeners are where this machine has room. Returns a function that asks for a path."""
    (tmp_path / "mysite").mkdir()
    (tmp_path / "mysite" / "__init__.py").write_text("")
    (tmp_path / "mysite" / "wsgi.py").write_text(WHO)
    (tmp_path / "admin.py").write_text(WHO + "def create_app():\n    return app\n")
    for name in ("shop", "blog"):
        (tmp_path / f"{name}.py").write_text(WHO)

    def serve(command, places={}):
        words = shlex.split(command)
        assert words[:2] == ["tidegate", "serve"], command
        listeners = {} if places else {"http": "127.0.0.1:0"}
        # Each option with its value, wherever it stands.
        words = re.sub(r"(^|\0)(--[\w-]+)\0", r"\1\2=", "\0".join(places.get(word, word) for word in words[2:])).split("\0")
        server = start(*words, listeners=listeners)
        if not places:
            return lambda path: server.listeners["http"].ask("GET", path)

    return serve


def assert_as_told(ask):
    for path in ("/shop", "/shop/", "/shop/a"):
        assert ask(path).body.decode() == f"shop /shop|{path[5:]}"
    for path in ("/shop/admin", "/shop/admin/x"):
        assert ask(path).body.decode() == f"admin /shop/admin|{path[11:]}"
    assert ask("/shop/items/1").body == b"shop /shop|/items/1"
    for path in ("/shopping", "/", "/blog"):
        assert ask(path).body.decode() == f"mysite.wsgi |{path}"


def test_the_command(serve):
    command = indented("--mount").strip()
    assert_as_told(serve(command))


def test_the_settings(serve, tmp_path):
    (tmp_path / "tidegate.toml").write_text(indented("mount = "))
    assert_as_told(serve("tidegate serve --config tidegate.toml"))


def test_without_app(serve):
    (alone,) = re.findall(r"`(tidegate serve --mount [^`]*)`", PAGE)
    ask = serve(alone)
    assert ask("/shop/a").body == b"shop /shop|/a"
    assert ask("/").status == "404 Not Found"


@pytest.fixture
def behind(serve, tmp_path):
    """`behind(block)` starts the servers that the block names, and nginx with it; returns a function that asks nginx."""
    opened = []

    def behind(block):
        for command in re.findall(r"# (tidegate serve .*)", block):
            (address,) = re.findall(r"127\.0\.0\.1:\d+", command)
            socket = tmp_path / f"s{address[-4:]}"
            serve(command, {address: str(socket)})
            assert block.count(address) == 2, "once in nginx's directive, once in the command"
            block = block.replace(address, f"unix:{socket}" + (":" if "http" in command else ""), 1)
        (tmp_path / "nginx").mkdir()
        server = "server { listen 127.0.0.1:PORT; " + block + " }"
        nginx = Nginx(tmp_path / "nginx", "uwsgi", "", server=server)
        opened.append(nginx)
        return nginx.url

    yield behind
    for nginx in opened:
        nginx.kill()


def test_nginx_passes_whole_paths(behind, plain):
    url = behind(BLOCKS[0])
    assert plain.get(url + "/shop/items/1").text == "shop /shop|/items/1"
    assert plain.get(url + "/shop").text == "shop /shop|"
    assert plain.get(url + "/blog/2026").text == "blog /blog|/2026"


def test_nginx_says_the_prefix(behind, plain):
    assert len(BLOCKS) == 2, "a block of docs/prefixes.md is not tested"
    url = behind(BLOCKS[1])
    assert plain.get(url + "/shop/items/1").text == "shop /shop|/items/1"
    assert plain.get(url + "/shop").text == "shop /shop|"
