"""An export that fails in the middle, or whose worker is killed, does not look whole to the client of nginx."""

import os
import signal

import pytest
import requests

from support.remote import Remote
from support.waiting import eventually

CHUNK = 16_384
APPLICATION = """
import os
import time

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not a secret: this project is for tests", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.http import StreamingHttpResponse
from django.urls import path


def rows(request):
    for number in range(40):
        yield f"{number} ".ljust(16_384, "-")
        if number == 20 and "fails" in request.GET:
            raise ValueError("a row that cannot be told")
        if number == 20 and "sleeps" in request.GET:
            with open("asleep", "w") as file:
                file.write(str(os.getpid()))
            os.rename("asleep", "sleeps")
            time.sleep(60)


def export(request):
    buffering = "no" if "unbuffered" in request.GET else "yes"
    return StreamingHttpResponse(rows(request), headers={"X-Accel-Buffering": buffering})


urlpatterns = [path("export", export)]
application = get_wsgi_application()
"""


def export(rows):
    """What the application tells of so many rows."""
    return "".join(f"{number} ".ljust(CHUNK, "-") for number in range(rows)).encode()


@pytest.fixture
def session(behind_nginx, folder, scheme, threads):
    """A client of nginx, which passes requests on over a unix socket."""
    folder({"app.py": APPLICATION})
    return behind_nginx("app", f"--threads={threads}", scheme=scheme)


@pytest.fixture(params=["uwsgi", "scgi"])
def scheme(request):
    """What ends with the connection, and with nothing else."""
    return request.param


@pytest.mark.parametrize("query", ["", "&unbuffered"], ids=["buffered", "unbuffered"])
def test_a_failure_in_the_middle(session, query):
    """The transfer is broken off too; the whole export is whole."""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get("/export?fails" + query)
    session.server.logged("GET /export.*broken off after", level="ERROR")
    assert session.get("/export?" + query).content == export(40)


@pytest.mark.parametrize("query", ["", "&unbuffered"], ids=["buffered", "unbuffered"])
def test_a_worker_that_is_killed(session, tmp_path, query):
    """In the middle of a body; its successor goes on."""
    response = session.get("/export?sleeps" + query, stream=True)
    asleep = tmp_path / "sleeps"
    eventually("the application sleeps", asleep.exists)
    os.kill(int(asleep.read_text()), signal.SIGKILL)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        assert response.content is None
    session.server.logged("SIGKILL", level="ERROR")
    assert session.get("/export?" + query).content == export(40)


def test_without_nginx_all_that_was_sent_is_there(session, scheme, socket_path):
    """Behind it the connection breaks."""
    with Remote(scheme, f"unix:{socket_path}").send("GET", "/export?fails") as asked:
        response = asked.response()
    assert asked.was_reset and not response.is_complete
    assert response.body == export(21)
    session.server.logged("GET /export.*broken off after", level="ERROR")
