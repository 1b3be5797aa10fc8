"""Projects as developers have them, under `--reload`."""

import pytest

from support.waiting import eventually

FLASK = """
from flask import Flask, render_template

app = Flask(__name__)

@app.get("/")
def index():
    return "flask one"

@app.get("/page")
def page():
    return render_template("page.html")

@app.get("/raise")
def fails():
    raise KeyError("who")
"""

SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "x"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "pages"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True
"""
WSGI = """
import os
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = get_wsgi_application()
"""
URLS = """
from django.urls import include, path

urlpatterns = [path("", include("pages.urls"))]
"""
PAGES_URLS = """
from django.urls import path
from pages import views

urlpatterns = [path("", views.index), path("write", views.write), path("late", views.late)]
"""
VIEWS = """
from django.core.management import call_command
from django.contrib.auth.models import User
from django.http import HttpResponse

def index(request):
    return HttpResponse("django one")

def write(request):
    call_command("migrate", verbosity=0)
    User.objects.create(username=str(User.objects.count()))
    return HttpResponse(str(User.objects.count()))

def late(request):
    from pages import late
    return HttpResponse(late.WORD)
"""


@pytest.fixture
def body(request):
    """`body(server, path)` is what is served there."""
    return lambda server, path="/": server.listeners["http"].ask("GET", path).body.decode()


@pytest.mark.parametrize("options", [(), ("--threads=4",), ("--workers=4",)], ids=["plain", "threads", "workers"])
def test_django(start, folder, body, options):
    """Views, settings and what is imported late; the database in the project's folder is no code."""
    path = folder(
        {
            "mysite/__init__.py": "",
            "mysite/settings.py": SETTINGS,
            "mysite/wsgi.py": WSGI,
            "mysite/urls.py": URLS,
            "pages/__init__.py": "",
            "pages/urls.py": PAGES_URLS,
            "pages/views.py": VIEWS,
            "pages/late.py": "WORD = 'late one'",
        }
    )
    server = start("mysite.wsgi", "--reload", *options)
    server.logged("not for production", level="WARN")

    def reloads():
        return server.log().count("INFO reload (")

    assert body(server) == "django one"
    assert [body(server, "/write") for _ in range(3)] == ["1", "2", "3"]
    assert body(server, "/late") == "late one"
    assert reloads() == 0
    folder({"pages/late.py": "WORD = 'late two'"})
    eventually("the module that came late", lambda: body(server, "/late") == "late two")
    folder({"pages/views.py": VIEWS.replace("django one", "django two")})
    eventually("the view", lambda: body(server) == "django two")
    folder({"pages/views.py": VIEWS + "\ndef broken(:\n"})
    eventually("the page", lambda: "SyntaxError" in body(server))
    server.logged("(?s)cannot be served; a page says so.*SyntaxError")
    assert "pages/views.py" in body(server) and "site-packages" in body(server)
    folder({"mysite/settings.py": SETTINGS + "\nBROKEN = no_such_name\n", "pages/views.py": VIEWS})
    eventually("the settings' page", lambda: "no_such_name" in body(server))
    folder({"mysite/settings.py": SETTINGS})
    eventually("it serves again", lambda: body(server) == "django one")
    server.ignore_log()
    (path / "db.sqlite3").touch()
    assert body(server, "/write") == "4"


def test_flask(start, folder, body):
    """A view and a template; what a request raises is Flask's own page."""
    folder({"app.py": FLASK})
    path = folder({})
    (path / "templates").mkdir()
    (path / "templates" / "page.html").write_text("page one")
    server = start("app", "--reload", "--reload-include=templates")
    server.logged("not for production", level="WARN")
    assert (body(server), body(server, "/page")) == ("flask one", "page one")
    (path / "templates" / "page.html").write_text("page two")
    eventually("the template", lambda: body(server, "/page") == "page two")
    folder({"app.py": FLASK.replace("flask one", "flask two")})
    eventually("the view", lambda: body(server) == "flask two")
    assert "Internal Server Error" in body(server, "/raise")
    server.logged("KeyError")
