"""A real server: `tidegate serve`, as a child process on free ports."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from support.remote import Remote
from support.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parents[3]
APPLICATIONS = ROOT / "fixtures" / "python"
# The command of the virtual environment that runs the tests.
TIDEGATE = Path(sys.executable).with_name("tidegate")

LISTENING = re.compile(r"^Listening on (\w+)://(.*?)/?$", re.MULTILINE)
ENTRY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (ERROR|WARN|INFO|DEBUG|TRACE) (.*)")


#: What a server says that is started by root, as tests may be.
AS_ROOT = "the application runs as root"


class Entry:
    """One message of the log: its level, and its text with all its lines."""

    def __init__(self, level, text):
        self.level = level
        self.text = text

    def __repr__(self):
        return f"{self.level} {self.text}"


class Server:
    """`tidegate serve APP OPTION…` in a folder; its stdout and its log are files there.

    `listeners` are the protocols that it speaks, each on a port of its own; a dictionary says where. A message of the
    log at WARN or ERROR that no test has asked for fails the test, as does an end other than exit status 0.
    """

    def __init__(
        self,
        folder,
        app,
        *options,
        listeners=("http",),
        workers=None,
        environment=(),
        command=(TIDEGATE,),
        log=None,
    ):
        if not isinstance(listeners, dict):
            listeners = dict.fromkeys(listeners, "127.0.0.1:0")
        listening = [f"--{scheme}={address}" for scheme, address in listeners.items()]
        if workers is not None:
            listening.append(f"--workers={workers}")
        self.count = len(listeners)
        self.begin(folder, [*command, "serve", app, *listening, *options], environment, log)

    def begin(self, folder, words, environment=(), log=None):
        """Starts the command of these words."""
        number = len(list(folder.glob("stdout*")))
        self.stdout = folder / f"stdout{number or ''}"
        self.stderr = log or folder / f"stderr{number or ''}"
        with open(self.stdout, "w") as out, open(self.stderr, "w") as err:
            self.process = subprocess.Popen(
                [*map(str, words)],
                cwd=folder,
                env={**clean_environment(), **dict(environment)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self.asked_for = set()
        self.listeners = {}

    def wait_until_it_listens(self):
        """Waits for the banner, and reads the listeners from it."""
        found = eventually("the banner", lambda: self.has_ended() or self.banner())
        assert found is not True, f"it ended with {self.process.returncode} before it served:\n{self.log()}"
        self.listeners = {scheme: Remote(scheme, address) for scheme, address in found}
        return self

    def banner(self):
        """The schemes and addresses, once all are told."""
        found = LISTENING.findall(self.stdout.read_text())
        return found if found and len(found) >= self.count else None

    def has_ended(self):
        """Whether the process is over."""
        return self.process.poll() is not None

    # The log.

    def log(self):
        """All of stderr."""
        return self.stderr.read_text(errors="replace")

    def entries(self):
        """The messages of the log. What is not of the log's form is a message of level RAW."""
        entries = []
        for line in self.log().splitlines():
            begins = ENTRY.fullmatch(line)
            if begins:
                entries.append(Entry(*begins.groups()))
            elif line.startswith("    ") and entries:
                entries[-1].text += "\n" + line[4:]
            else:
                entries.append(Entry("RAW", line))
        return entries

    def logged(self, pattern, count=1, level="ERROR"):
        """Waits for `count` messages that have this pattern in them, of this level; returns their texts."""
        found = []

        def look():
            found[:] = [
                (at, entry.text)
                for at, entry in enumerate(self.entries())
                if entry.level == level and re.search(pattern, entry.text)
            ]
            return len(found) >= count

        try:
            eventually("the message", look)
        except AssertionError:
            raise AssertionError(
                f"no {count} x {level} {pattern!r} in the log:\n{self.log()[-5000:]}"
            ) from None
        assert len(found) == count, f"{len(found)}, not {count} x {level} {pattern!r}: {found}"
        self.asked_for.update(at for at, _ in found)
        return [text for _, text in found]

    def unexpected(self):
        """The messages that tell of trouble and that no test has asked for."""
        return [
            entry
            for at, entry in enumerate(self.entries())
            if entry.level in ("ERROR", "WARN", "RAW")
            and at not in self.asked_for
            and not entry.text.startswith(AS_ROOT)
        ]

    def assert_nothing_unexpected(self):
        """Fails with those messages, if there are any."""
        unexpected = "\n".join(map(repr, self.unexpected()))
        assert not unexpected, "unexpected in the log:\n" + unexpected[:5000]

    def ignore_log(self):
        """From here on no message so far is unexpected."""
        self.asked_for.update(range(len(self.entries())))

    # Its end.

    def signal(self, number):
        """Sends it a signal."""
        self.process.send_signal(number)

    def wait(self):
        """Waits for its end; returns the exit status."""
        return self.process.wait(PATIENCE)

    def stop(self):
        """Asks it to end, as systemd does; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """Whatever it does, it is gone after this."""
        self.process.kill()
        self.process.wait()


def clean_environment():
    """The environment, without what would change how Python or the log behave."""
    dropped = ("PYTHON", "RUST_LOG", "TIDEGATE", "COVERAGE", "LISTEN_", "NOTIFY_SOCKET")
    # make free-threaded says that the GIL stays off, whatever is imported.
    kept = ("PYTHON_GIL",)
    environment = {
        name: value for name, value in os.environ.items() if name in kept or not name.startswith(dropped)
    }
    return {**environment, "PYTHONDONTWRITEBYTECODE": "1"}


class Client:
    """A server as it is asked through one of its listeners."""

    def __init__(self, server, scheme):
        self.server = server
        self.scheme = scheme
        self.listener = server.listeners[scheme]
        self.logged = server.logged

    def ask(self, method, target="/", headers=(), body=b"", **variables):
        """Sends a request, and reads the response."""
        return self.listener.ask(method, target, headers, body, variables)

    def get(self, target="/", **variables):
        """Asks with GET."""
        return self.ask("GET", target, **variables)

    def get_slowly(self, target="/"):
        """Asks with GET, and reads little at a time."""
        return self.listener.ask("GET", target, receive_buffer=4096)

    def post(self, target="/", body=b"", headers=(), **variables):
        """Asks with POST."""
        return self.ask("POST", target, headers, body, **variables)

    def send(self, method="GET", target="/", headers=(), body=b"", receive_buffer=None):
        """Sends a request; the response is still to be read."""
        return self.listener.send(method, target, headers, body, receive_buffer=receive_buffer)
