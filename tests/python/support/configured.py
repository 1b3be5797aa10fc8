"""A server that is started by uWSGI's configuration: `tidegate uwsgi`, or uWSGI itself."""

import re
import sys
from pathlib import Path

from support.remote import Remote
from support.server import TIDEGATE, Server
from support.waiting import eventually

#: What the tests' environment has of uWSGI.
UWSGI = Path(sys.executable).with_name("uwsgi")

_BOUND = re.compile(r"uwsgi socket \d+ bound to TCP address (\S+)")


class Configured(Server):
    """`tidegate uwsgi --ini` of these lines, which say nothing of where it listens: that is http, on a port of its own."""

    def __init__(self, folder, lines, command=(TIDEGATE, "uwsgi"), environment=()):
        number = len(list(folder.glob("*.ini")))
        ini = folder / f"site{number or ''}.ini"
        ini.write_text("\n".join(["[uwsgi]", "http-socket = 127.0.0.1:0", *lines, ""]), encoding="utf-8")
        self.count = 1
        self.begin(folder, [*command, "--ini", ini], environment)


class ByUwsgi(Configured):
    """The same by uWSGI itself."""

    def __init__(self, folder, lines, environment=()):
        assert UWSGI.exists(), f"{UWSGI} is missing: make setup installs it"
        super().__init__(folder, lines, (UWSGI,), environment)

    def wait_until_it_listens(self):
        """Waits for its line of the socket and for its workers, and reads where it is."""
        eventually("the workers", lambda: self.has_ended() or "spawned uWSGI worker" in self.log())
        found = _BOUND.search(self.log())
        assert found and not self.has_ended(), f"it does not serve:\n{self.log()}"
        self.listeners = {"http": Remote("http", found.group(1))}
        return self
