"""A Django project behind nginx."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from random import Random

import pytest

from support.server import APPLICATIONS, clean_environment

PROJECT = APPLICATIONS / "django"
USER, PASSWORD = "keeper", "of the lighthouse"


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A database with its tables and a user for the admin, made once; each test has a copy."""
    folder = tmp_path_factory.mktemp("database")
    environment = {**clean_environment(), "TIDE_FOLDER": str(folder), "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    for command in (
        ["migrate"],
        ["createsuperuser", "--noinput", f"--username={USER}", "--email=k@example.com"],
    ):
        subprocess.run(
            [sys.executable, "manage.py", *command, "-v0"],
            cwd=PROJECT,
            env=environment,
            check=True,
            timeout=120,
        )
    return folder / "tide.sqlite3"


@pytest.fixture
def project(behind_nginx, database, tmp_path):
    """`project()` starts it; returns a session."""

    def project(*options, scheme="uwsgi"):
        shutil.copy(database, tmp_path)
        protected = tmp_path / "protected"
        protected.mkdir()
        (protected / "tide table.txt").write_bytes(b"high and low\n" * 1_000)
        locations = f"location /protected/ {{ internal; alias {protected}/; }}"
        where = ["--chdir", str(PROJECT), f"--env=TIDE_FOLDER={tmp_path}"]
        return behind_nginx("tide.wsgi", *where, *options, scheme=scheme, locations=locations)

    return project


def token(response):
    """The CSRF token of a page's form."""
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', response.text)[1]


WORKERS = {"in-a-worker": (), "preloaded": ("--workers=2", "--preload")}


@pytest.mark.parametrize("options", WORKERS.values(), ids=WORKERS)
def test_the_admin(options, project):
    """Log in, add something, see it, delete it, log out."""
    session = project(*options)
    page = session.get("/admin/")
    assert page.status_code == 200 and "/admin/login/" in page.url
    wrong = {"username": USER, "password": "wrong", "csrfmiddlewaretoken": token(page)}
    page = session.post("/admin/login/?next=/admin/", data=wrong)
    assert "Please enter the correct username" in page.text
    right = {"username": USER, "password": PASSWORD, "csrfmiddlewaretoken": token(page)}
    page = session.post("/admin/login/?next=/admin/", data=right)
    assert page.status_code == 200 and "Site administration" in page.text and session.cookies["sessionid"]

    page = session.get("/admin/tide/reading/add/")
    data = {"place": "Dover \u00fc", "height": "6.70", "csrfmiddlewaretoken": token(page)}
    page = session.post("/admin/tide/reading/add/", data=data)
    assert "was added successfully" in page.text and "Dover \u00fc: 6.70 m" in page.text
    page = session.get("/admin/tide/reading/1/delete/")
    page = session.post(
        "/admin/tide/reading/1/delete/", data={"post": "yes", "csrfmiddlewaretoken": token(page)}
    )
    assert "was deleted successfully" in page.text
    page = session.post("/admin/logout/", data={"csrfmiddlewaretoken": token(page)})
    assert page.status_code == 200 and "sessionid" not in session.cookies
    assert "/admin/login/" in session.get("/admin/").url


def test_a_form_with_csrf(project):
    """Without the token it is refused; with it the database has a row more."""
    session = project()
    page = session.get("/readings/")
    assert "<li>" not in page.text
    refused = session.post("/readings/", data={"place": "Dover", "height": "6.7"})
    assert refused.status_code == 403
    data = {"place": "Saint-Malo <caf\u00e9>", "height": "12.25", "csrfmiddlewaretoken": token(page)}
    page = session.post("/readings/", data=data)
    assert [answer.status_code for answer in page.history] == [302]
    assert "<li>Saint-Malo &lt;caf\u00e9&gt;: 12.25 m</li>" in page.text


def test_an_upload_of_10_mib_and_its_download(project, tmp_path):
    """Each byte arrives, and comes back by a FileResponse."""
    session = project()
    data = Random(10).randbytes(10 << 20)
    files = {"file": ("tide t\u00e4ble.bin", data, "application/x-tide")}
    told = session.post("/upload/", files=files, data={"note": "caf\u00e9"}).json()
    assert told == {
        "name": "tide t\u00e4ble.bin",
        "type": "application/x-tide",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "note": "caf\u00e9",
    }
    assert (tmp_path / "uploaded").read_bytes() == data
    response = session.get("/file/")
    assert response.content == data and response.headers["Content-Length"] == str(len(data))
    assert response.headers["Content-Disposition"] == 'attachment; filename="tide table.bin"'


def test_a_streaming_response(project):
    """Whole, and in pieces."""
    session = project()
    response = session.get("/stream/?lines=20000", stream=True)
    lines = list(response.iter_lines())
    assert lines == [b"line %d" % number for number in range(20_000)]


def test_a_file_by_x_accel_redirect(project):
    """nginx sends it, ranges and all; the client is told nothing of it."""
    session = project()
    response = session.get("/download/tide table.txt")
    assert response.content == b"high and low\n" * 1_000
    assert (
        response.headers["Content-Type"].startswith("text/plain")
        and "X-Accel-Redirect" not in response.headers
    )
    part = session.get("/download/tide table.txt", headers={"Range": "bytes=5-7"})
    assert (part.status_code, part.content) == (206, b"and")
    assert session.get("/protected/tide table.txt").status_code == 404


def test_paths_and_urls(project):
    """Unicode in the path and the query, and the URLs that Django makes of them."""
    session = project()
    told = session.get("/name/caf\u00e9 \u6d77/?q=\u00fc%26").json()
    assert (told["name"], told["query"]) == ("caf\u00e9 \u6d77", "\u00fc&")
    assert told["url"] == session.url + "/name/caf%C3%A9%20%E6%B5%B7/?q=%C3%BC%26"
    assert told["path"] == "/name/caf%C3%A9%20%E6%B5%B7/"
    assert (told["secure"], told["peer"]) == (False, "127.0.0.1")


def test_errors_and_asynchronous_views(project):
    """A view that fails is Django's 500, one that awaits is served, a URL without its slash is redirected."""
    session = project()
    assert session.get("/fails/").status_code == 500
    assert session.get("/nothing/").status_code == 404
    assert session.get("/later/").text == "later"
    head = session.head("/readings/")
    assert (head.status_code, head.content) == (200, b"")
    assert session.get("/readings").history[0].status_code == 301


def test_over_the_other_protocols(project, other_scheme, tmp_path):
    """It cannot tell which."""
    session = project(scheme=other_scheme)
    page = session.get("/readings/")
    data = {"place": "Dover", "height": "6.7", "csrfmiddlewaretoken": token(page)}
    assert "<li>Dover: 6.70 m</li>" in session.post("/readings/", data=data).text
    data = os.urandom(1 << 20)
    told = session.post("/upload/", files={"file": data}).json()
    assert told["sha256"] == hashlib.sha256(data).hexdigest()
    assert session.get("/download/tide table.txt").content == b"high and low\n" * 1_000
    assert session.get("/file/").content == data
