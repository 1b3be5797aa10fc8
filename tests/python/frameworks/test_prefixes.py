"""Frameworks below a prefix: the links that they make lead back to them, over every protocol."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from support.waiting import PATIENCE

FLASK = """
from flask import Flask, redirect, request, url_for

app = Flask(__name__)

@app.get("/")
def index():
    return url_for("item", name="a b")

@app.get("/items/<name>")
def item(name):
    return f"{name} {request.script_root} {request.path} {url_for('item', name=name, _external=True)}"

@app.get("/away")
def away():
    return redirect(url_for("item", name="new"))

@app.get("/folder/")
def folder():
    return "folder"
"""

DJANGO = """
import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

settings.configure(
    SECRET_KEY="for a test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], STATIC_URL="static/",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
django.setup()

def index(request):
    from django.templatetags.static import static
    return HttpResponse(f"{reverse('item', args=['x'])} {static('a.css')}")

def item(request, name):
    return HttpResponse(f"{name} {request.path} {request.path_info} {request.build_absolute_uri()}")

def away(request):
    return HttpResponseRedirect(reverse("item", args=["new"]))

urlpatterns = [path("", index), path("items/<name>/", item, name="item"), path("away/", away)]
application = WSGIHandler()
"""


@pytest.fixture
def both(behind_nginx, tmp_path):
    """`both(scheme)` serves Flask at /shop, Django at /blog, and a file below it."""
    (tmp_path / "shop_app.py").write_text(FLASK)
    (tmp_path / "blog_app.py").write_text(DJANGO)
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.css").write_text("p {}")
    options = ["--mount=/blog=blog_app", f"--static=/blog/static={tmp_path / 'static'}", "--threads=2"]

    def both(scheme, locations="", workers=None):
        more = options if workers is None else [*options, f"--workers={workers}"]
        return behind_nginx("--mount=/shop=shop_app", *more, scheme=scheme, locations=locations)

    return both


def test_flask_and_django_below_prefixes(both, scheme):
    """url_for() and reverse(), redirects, and Flask's own to a path with a slash."""
    session = both(scheme)
    url = session.url
    assert session.get("/shop/").text == session.get("/shop").text == "/shop/items/a%20b"
    assert session.get("/shop/items/x").text == f"x /shop /items/x {url}/shop/items/x"
    assert session.get("/shop/away").text == f"new /shop /items/new {url}/shop/items/new"
    response = session.get("/shop/folder")
    assert (response.text, response.url) == ("folder", f"{url}/shop/folder/")
    assert session.get("/blog/").text == session.get("/blog").text == "/blog/items/x/ /blog/static/a.css"
    assert session.get("/blog/items/x/").text == f"x /blog/items/x/ /items/x/ {url}/blog/items/x/"
    response = session.get("/blog/away")
    assert (response.text.split()[0], response.url) == ("new", f"{url}/blog/items/new/")
    assert session.get("/blog/static/a.css").text == "p {}"
    for path in ("/", "/shopping", "/blogs/"):
        assert session.get(path).status_code == 404, path


def test_under_load_none_is_taken_for_the_other(both, scheme):
    """Four workers with two threads each, and as many clients as twice that."""
    session = both(scheme, workers=4)
    url = session.url

    def client(number):
        with requests.Session() as own:
            own.trust_env = False
            for at in range(25):
                name = f"{number}-{at}"
                shop = own.get(f"{url}/shop/items/{name}", timeout=PATIENCE).text
                blog = own.get(f"{url}/blog/items/{name}/", timeout=PATIENCE).text
                assert shop == f"{name} /shop /items/{name} {url}/shop/items/{name}"
                assert blog == f"{name} /blog/items/{name}/ /items/{name}/ {url}/blog/items/{name}/"
                assert own.get(f"{url}/blog/static/a.css", timeout=PATIENCE).text == "p {}"

    with ThreadPoolExecutor(16) as clients:
        list(clients.map(client, range(16)))


def test_nginx_says_the_prefix(both, socket_path):
    """docs/prefixes.md: SCRIPT_NAME with modifier1 30, in front of the mounts, or as one of them."""
    passes = f"include uwsgi_params; uwsgi_pass unix:{socket_path}; uwsgi_modifier1 30;"
    locations = f"""
        location /site {{ {passes} uwsgi_param SCRIPT_NAME /site; }}
        location /shop {{ {passes} uwsgi_param SCRIPT_NAME /shop; }}"""
    session = both("uwsgi", locations)
    assert session.get("/site/shop/").text == "/site/shop/items/a%20b"
    assert session.get("/site/blog/away/").text.startswith("new /site/blog/items/new/ /items/new/ ")
    assert session.get("/shop/items/x").text == f"x /shop /items/x {session.url}/shop/items/x"
