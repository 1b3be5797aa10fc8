"""Django imports its views at the first request. What is wrong with them is found before."""

import pytest

APP = """
from django.conf import settings
settings.configure(ROOT_URLCONF="urls", SECRET_KEY="x", ALLOWED_HOSTS=["*"])
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
URLS = """
from django.urls import include, path
urlpatterns = [path("pages/", include("pages"))]
"""
PAGES = """
from django.http import HttpResponse
from django.urls import path
import views
urlpatterns = [path("", views.page)]
"""
VIEWS = """
from django.http import HttpResponse
def page(request):
    return HttpResponse("a page")
"""
MIDDLEWARE = """
class Middleware:
    def __init__(self, application):
        self.application = application
    def __call__(self, environ, start_response):
        return self.application(environ, start_response)
application = Middleware(application)
"""


@pytest.mark.parametrize("around", ["", MIDDLEWARE], ids=["alone", "in-middleware"])
@pytest.mark.parametrize(
    "views, words", [(VIEWS + "def broken(:", ["SyntaxError", "views.py"]), (VIEWS + "1 / 0", ["ZeroDivisionError", "views.py"])]
)
def test_broken_views_do_not_load(launch, folder, around, views, words):
    """Neither at a start nor at a reload."""
    folder({"mysite.py": APP + around, "urls.py": URLS, "pages.py": PAGES, "views.py": views})
    server = launch("mysite")
    assert server.wait() == 1
    for word in ["cannot load mysite:", *words]:
        assert word in server.log(), server.log()


def test_views_that_import_are_served(start, folder):
    """As before."""
    folder({"mysite.py": APP + MIDDLEWARE, "urls.py": URLS, "pages.py": PAGES, "views.py": VIEWS})
    assert start("mysite").listeners["http"].ask("GET", "/pages/").body == b"a page"


def test_without_urls_it_loads(start, folder):
    """Django says at the request what it lacks."""
    folder({"mysite.py": APP.replace('ROOT_URLCONF="urls", ', "")})
    server = start("mysite")
    assert server.listeners["http"].ask("GET", "/").status.startswith("500")
    server.ignore_log()


def test_its_asgi_application_is_refused(launch, folder):
    """With the name of the other."""
    folder({"mysite/__init__.py": "", "mysite/asgi.py": APP.replace("wsgi", "asgi").replace('"urls"', '"mysite.urls"')})
    server = launch("mysite.asgi")
    assert server.wait() == 1
    assert "mysite.asgi is an ASGI application, and WSGI is served here" in server.log()
    assert "Django's WSGI application is in mysite.wsgi" in server.log()
