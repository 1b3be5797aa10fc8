"""Django keeps connections in the thread, and closes them at the end of a request: of its own, not of another's."""

import sqlite3

import pytest

from support.readers import read_together
from support.remote import Remote

ROWS = 96
APPLICATION = """
import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not a secret: this project is for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "tide.sqlite3",
            "CONN_MAX_AGE": int(os.environ.get("TIDE_AGE", 0)),
        }
    },
    USE_TZ=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import models, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path


class Reading(models.Model):
    text = models.TextField()

    class Meta:
        app_label = "tide"
        managed = False
        db_table = "reading"


class Note(models.Model):
    number = models.IntegerField()

    class Meta:
        app_label = "tide"
        managed = False
        db_table = "note"


def export(request):
    rows = Reading.objects.order_by("id").iterator(chunk_size=10)
    return StreamingHttpResponse((row.text for row in rows), headers={"X-Accel-Buffering": "no"})


def count(request):
    return HttpResponse(f"{Reading.objects.count()} {Note.objects.count()}")


def write(request):
    def chunks():
        with transaction.atomic():
            for number in range(96):
                Note.objects.create(number=number)
                yield f"{number} ".ljust(16_384, ".")

    return StreamingHttpResponse(chunks())


urlpatterns = [path("export", export), path("count", count), path("write", write)]
application = get_wsgi_application()
"""


def text(number):
    """Of a row."""
    return f"{number} ".ljust(16_384, "-")


def export(rows=ROWS):
    """What the application tells of all rows."""
    return "".join(map(text, range(rows))).encode()


@pytest.fixture
def readings(tmp_path):
    """`readings(rows)` makes the database, in which one may read while another writes."""

    def readings(rows=ROWS):
        with sqlite3.connect(tmp_path / "tide.sqlite3") as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE reading (id INTEGER PRIMARY KEY, text TEXT)")
            database.execute("CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER)")
            database.executemany("INSERT INTO reading (text) VALUES (?)", [(text(n),) for n in range(rows)])
        database.close()

    return readings


@pytest.fixture(params=[0, 60], ids=["closed-at-once", "kept-60-s"])
def age(request):
    """CONN_MAX_AGE, as an option of the server."""
    return f"--env=TIDE_AGE={request.param}"


def begin(client, path, text):
    """A stream of which a reader has taken a little: it stands between two chunks."""
    asked = client.send("GET", path)
    asked.read_until(text)
    return asked


def test_an_export_to_a_slow_reader(threaded, age, readings):
    """It is whole, though other requests begin and end meanwhile."""
    readings()
    client = threaded(APPLICATION, options=[age])
    slow = begin(client, "/export", b"0 ---")
    fast = [client.send("GET", "/count") for _ in range(8)]
    whole, *counts = read_together([slow], fast)
    assert whole.is_complete and whole.body == export()
    assert [count.body for count in counts] == [b"%d 0" % ROWS] * 8


def test_two_exports_and_fast_readers(threaded, age, readings):
    """Each has all rows."""
    readings()
    client = threaded(APPLICATION, options=[age])
    slow = [begin(client, "/export", b"0 ---") for _ in range(2)]
    fast = [client.send("GET", "/export") for _ in range(6)]
    for response in read_together(slow, fast):
        assert response.is_complete and response.body == export()


def test_writes_in_a_transaction_round_the_chunks(threaded, age, readings):
    """No row is lost, and requests meanwhile see none of them before its end."""
    readings()
    client = threaded(APPLICATION, options=[age])
    slow = begin(client, "/write", b"0 ...")
    fast = [client.send("GET", "/count") for _ in range(8)]
    written, *counts = read_together([slow], fast)
    assert written.is_complete
    assert written.body == "".join(f"{number} ".ljust(16_384, ".") for number in range(96)).encode()
    assert {count.body for count in counts} <= {b"%d 0" % ROWS, b"%d 96" % ROWS}, counts
    assert client.get("/count").body == b"%d 96" % ROWS


def test_an_export_through_nginx(threads, behind_nginx, scheme, age, readings, folder):
    """nginx does not buffer it, so that the server feels how slow the reader is."""
    rows = 600
    readings(rows)
    folder({"app.py": APPLICATION})
    options = [age] + [f"--threads={threads}"] * (threads > 1)
    session = behind_nginx("app", *options, scheme=scheme)
    nginx = Remote("http", session.url.removeprefix("http://"))
    slow = nginx.send("GET", "/export", receive_buffer=4096)
    slow.read_until(b"0 ---")
    assert [session.get("/count").text for _ in range(5)] == [f"{rows} 0"] * 5
    (response,) = read_together([slow])
    assert response.is_complete and response.body == export(rows)
