"""Servers by uWSGI's configuration."""

import pytest

from support.configured import Configured


@pytest.fixture
def configured(tmp_path):
    """`configured(*lines)` starts `tidegate uwsgi` of an ini of these lines, and must have ended well when the test is over."""
    servers = []

    def start(*lines, **how):
        server = Configured(tmp_path, lines, **how)
        servers.append(server)
        return server.wait_until_it_listens()

    yield start
    for server in servers:
        if not server.has_ended():
            server.signal(3)
            try:
                assert server.wait() == 0, server.log()[-5000:]
            finally:
                server.kill()
