"""Frameworks behind a real nginx, and a client as people have it."""

import pytest
import requests

from support.nginx import Nginx
from support.waiting import PATIENCE


@pytest.fixture
def behind_nginx(start, socket_path, tmp_path):
    """`behind_nginx(app, *options, …)` serves it there; returns a session that asks nginx for a path."""
    opened = []

    def behind_nginx(app, *options, scheme="uwsgi", locations="", environment=()):
        server = start(app, *options, listeners={scheme: str(socket_path)}, environment=environment)
        folder = tmp_path / "nginx"
        folder.mkdir()
        nginx = Nginx(folder, scheme, socket_path, locations)
        opened.append(nginx)
        session = Session(nginx.url, server)
        opened.append(session)
        return session

    yield behind_nginx
    for one in reversed(opened):
        one.close() if isinstance(one, Session) else one.kill()


@pytest.fixture(params=["uwsgi", "http", "fastcgi", "scgi"])
def scheme(request):
    """Each protocol: what a framework keeps in its thread is to be safe over all of them."""
    return request.param


@pytest.fixture(params=["scgi", "fastcgi", "http"])
def other_scheme(request):
    """The listeners beside uwsgi's."""
    return request.param


class Session(requests.Session):
    """A client that asks one server for paths, and knows nothing of proxies and .netrc."""

    def __init__(self, url, server):
        super().__init__()
        self.trust_env = False
        self.url = url
        self.server = server

    def request(self, method, path, **options):
        """`path` may be what a Location says."""
        url = path if path.startswith("http://") else self.url + path
        return super().request(method, url, timeout=PATIENCE, **options)


@pytest.fixture
def plain():
    """A client that knows nothing of proxies and .netrc."""
    with requests.Session() as session:
        session.trust_env = False
        yield session
