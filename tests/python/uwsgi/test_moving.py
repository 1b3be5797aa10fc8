"""The two sites of docs/uwsgi.md, as they stand there, but for their folders."""

import re
import signal
import subprocess
from pathlib import Path

import pytest
from support.server import TIDEGATE
from support.waiting import eventually

# Only one environment of the tests has the frameworks.
pytestmark = pytest.mark.long

PAGE = (Path(__file__).parents[3] / "docs/uwsgi.md").read_text(encoding="utf-8")
DJANGO, FLASK = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
SETTINGS = "SECRET_KEY = 'x'\nROOT_URLCONF = 'shop.urls'\nALLOWED_HOSTS = ['*']\nDEBUG = False\n"
URLS = "from django.http import HttpResponse\nfrom django.urls import path\nurlpatterns = [path('hi', lambda r: HttpResponse('django'))]\n"
WSGI = "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\nfrom django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
NOTES = "from flask import Flask\napp = Flask(__name__)\n@app.get('/hi')\ndef hi():\n    return 'flask'\n"


@pytest.fixture
def moved(tmp_path):
    """Serves a configuration, and has it stop as its unit would."""
    started = []

    def start(text, name, files):
        folder = tmp_path / name
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        run = tmp_path / "run"
        run.mkdir()
        text = text.replace(f"/srv/{name}", str(folder)).replace(f"/run/{name}", str(run)).replace("127.0.0.1:8000", f"{run}/http.sock")
        (folder / "uwsgi.ini").write_text(text)
        process = subprocess.Popen([TIDEGATE, "uwsgi", "--ini", folder / "uwsgi.ini"], stdin=subprocess.DEVNULL, cwd=tmp_path)
        started.append(process)
        return run

    yield start
    for process in started:
        process.send_signal(signal.SIGQUIT)
        assert process.wait(timeout=60) == 0


def ask(socket, path, *flags):
    eventually(f"{socket}", socket.exists)
    return subprocess.run([TIDEGATE, "request", *flags, socket, path], capture_output=True, text=True, check=True, timeout=60).stdout


def test_django_moves_by_one_word(moved):
    """Answers, a static file, the form of the log, the statistics, a reload by touch."""
    files = {"shop/__init__.py": "", "shop/settings.py": SETTINGS, "shop/urls.py": URLS, "shop/wsgi.py": WSGI}
    run = moved(DJANGO, "shop", {**files, "static/a.css": "p {}\n", "reload": ""})
    assert ask(run / "uwsgi.sock", "/hi") == "django"
    assert ask(run / "uwsgi.sock", "/static/a.css") == "p {}\n"
    log = run / "uwsgi.log"
    line = re.compile(r'^\S+ - \S+ \[[^]]+\] "GET /hi HTTP/1.1" 200 \d+ \d+ms$', re.MULTILINE)
    eventually("a line of the request", lambda: line.search(log.read_text()))
    assert '"workers"' in ask(run / "stats.sock", "/", "--http")
    assert (run / "uwsgi.sock").stat().st_mode & 0o777 == 0o660


def test_flask_moves_by_one_word(moved):
    """By HTTP, with placeholders and strict."""
    run = moved(FLASK, "notes", {"notes.py": NOTES})
    assert ask(run / "http.sock", "/hi", "--http") == "flask"
