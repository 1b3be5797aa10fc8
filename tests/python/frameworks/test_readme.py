"""The deployments of Python applications in README.md and docs/python.md work as pasted, but for the places where they put things."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from support.nginx import Nginx, debians_params
from support.recipe import as_who_we_are
from support.server import ROOT
from support.waiting import PATIENCE

PLACES = {"Django": ("README.md", "###"), "Flask": ("docs/python.md", "##")}


class Deployment:
    """A section of one of them: its files, its commands, its server for nginx."""

    def __init__(self, title):
        place, level = PLACES[title]
        page = (ROOT / place).read_text(encoding="utf-8")
        text = page.partition(f"\n{level} {title}\n")[2].partition("\n##")[0]
        assert text, f"{place} has no section {title}"
        self.files = dict(re.findall(r"`(/\S+)`:\n\n```python\n(.*?)```", text, re.DOTALL))
        lines = re.findall(r"^    (\S.*)$", _prose(text), re.MULTILINE)
        self.commands = [line.partition("#")[0].split() for line in lines]
        (self.server,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)

    def go(self, start, folder, socket_path):
        """Does what it says, below `folder`; returns the URL of nginx, and nginx."""
        (cd, place), serve = self.commands
        place = Path(f"{folder}{place}")
        place.mkdir(parents=True, exist_ok=True)
        for path, text in self.files.items():
            Path(f"{folder}{path}").write_text(text, encoding="utf-8")
        assert (cd, serve[:2]) == ("cd", ["tidegate", "serve"])
        app, *options = serve[2:]
        options = as_who_we_are(options)
        (path,) = re.findall(r"/run/\S+\.sock", " ".join(options))
        assert f"unix:{path};" in self.server
        options = shlex.split(shlex.join(options).replace(path, str(socket_path)))
        start(app, *options, listeners=[], folder=place)
        server = self.server.replace("listen 8000;", "listen 127.0.0.1:PORT;").replace(path, str(socket_path))
        server = server.replace("/srv/", f"{folder}/srv/")
        (folder / "nginx").mkdir()
        return Nginx(folder / "nginx", "uwsgi", socket_path, server=server, uwsgi_params=debians_params())


def _prose(text):
    """Without what stands between fences."""
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


@pytest.fixture
def deploy(start, tmp_path, socket_path):
    """`deploy(title)` follows that section; returns a function that asks nginx for a path."""
    opened = []

    def deploy(title):
        opened.append(Deployment(title).go(start, tmp_path, socket_path))

        def ask(path, session=requests, **how):
            method = "POST" if "data" in how else "GET"
            return session.request(method, opened[0].url + path, timeout=PATIENCE, **how)

        ask.url = opened[0].url
        return ask

    yield deploy
    for nginx in opened:
        nginx.kill()


def test_flask(deploy):
    """The application is in docs/python.md too."""
    ask = deploy("Flask")
    assert ask("/").text == "Hello, World\n"
    assert ask("/?name=caf\u00e9").text == "Hello, caf\u00e9\n"


def test_django(deploy, tmp_path):
    """A project as Django makes it."""
    place = tmp_path / "srv" / "mysite"
    place.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "django", "startproject", "mysite", str(place)], check=True)
    (place / "static").mkdir()
    (place / "static" / "file.txt").write_text("as it is")
    ask = deploy("Django")
    assert "The install worked successfully" in ask("/").text
    assert "Django administration" in ask("/admin/").text
    assert ask("/static/file.txt").text == "as it is"


def test_django_login(deploy, tmp_path):
    """As a browser logs in, which names the page's origin."""
    place = tmp_path / "srv" / "mysite"
    place.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "django", "startproject", "mysite", str(place)], check=True)
    manage = [sys.executable, str(place / "manage.py")]
    environment = {**os.environ, "DJANGO_SUPERUSER_PASSWORD": "secret"}
    for command in (["migrate", "-v0"], ["createsuperuser", "--noinput", "--username=ada", "--email=ada@example.com"]):
        subprocess.run(manage + command, check=True, env=environment, stdout=subprocess.DEVNULL)
    ask = deploy("Django")
    with requests.Session() as session:
        page = ask("/admin/login/?next=/admin/", session)
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        form = {"username": "ada", "password": "secret", "csrfmiddlewaretoken": token, "next": "/admin/"}
        headers = {"Origin": ask.url, "Referer": page.url}
        answer = ask("/admin/login/", session, data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.url == ask.url + "/admin/" and "Site administration" in answer.text
