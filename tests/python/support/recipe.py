"""An example of examples/: a copy of it, and the commands of its README, one after the other."""

import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess

from packaging.requirements import Requirement

from support.nginx import Nginx
from support.server import ROOT, TIDEGATE, clean_environment
from support.waiting import PATIENCE

# What an example makes when somebody runs it in its own place.
MADE = shutil.ignore_patterns("__pycache__", "data", "static", "instance")


class Recipe:
    """An example in a folder of its own. Its commands are taken in their order, and `end` says that none was left."""

    def __init__(self, name, folder):
        self.home = ROOT / "examples" / name
        self.folder = folder / name
        # An application's own static files are no such thing.
        shutil.copytree(self.home, self.folder, ignore=lambda place, names: MADE(place, names) if place == str(self.home) else [])
        text = (self.home / "README.md").read_text(encoding="utf-8")
        self.lines = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
        # Where it is here what the example has elsewhere: each text by another.
        self.places = {}

    def take(self, begins):
        """The next command, which begins so."""
        assert self.lines, f"README has no {begins!r} any more"
        line = self.lines.pop(0)
        assert line.startswith(begins), f"README has {line!r}, not {begins!r}"
        return self.here(line)

    def end(self):
        """Fails if README has a command that was not tried."""
        assert not self.lines, self.lines

    def here(self, text):
        """The text, with the places that it has here."""
        for theirs, ours in self.places.items():
            text = text.replace(theirs, str(ours))
        return text

    def pip(self):
        """Sees that what pip would install is here already, and that the project is where it is said to be."""
        words = shlex.split(self.take("pip install"))[2:]
        assert words[:2] == ["../..", "-r"] and (self.home / words[0]).samefile(ROOT)
        for line in (self.folder / words[2]).read_text().split("\n"):
            if line:
                wanted = Requirement(line)
                have = importlib.metadata.version(wanted.name)
                assert have in wanted.specifier, f"{line}: tests/requirements.txt has {have}"

    def run(self, begins, *more, fails=False, **environment):
        """Runs the next command; returns what it has written."""
        words = "".join(f" {shlex.quote(word)}" for word in more)
        ran = subprocess.run(
            ["sh", "-c", self.take(begins) + words],
            cwd=self.folder,
            env={**self.environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        assert (ran.returncode != 0) == fails, f"{ran.args}: {ran.returncode}\n{ran.stdout}"
        return ran.stdout

    def environment(self):
        """As in the virtual environment that runs the tests."""
        environment = clean_environment()
        return {**environment, "PATH": f"{TIDEGATE.parent}{os.pathsep}{environment['PATH']}"}

    def serve(self, start, port=None, **how):
        """Starts the next command, which serves, on a free port in the place of that one."""
        options = shlex.split(self.take("tidegate serve"))[2:]
        options = as_who_we_are([option.replace(port, "127.0.0.1:0") if port else option for option in options])
        server = start(*options, listeners=[], folder=self.folder, **how)
        if port:
            self.places[port] = next(iter(server.listeners.values())).address
        return server

    def nginx(self, folder, **how):
        """nginx with the example's own block; it is there until its kill()."""
        server = (self.folder / "nginx.conf").read_text()
        assert server.count("listen 8000;") == 1
        server = self.here(server).replace("listen 8000;", "listen 127.0.0.1:PORT;")
        folder.mkdir()
        return Nginx(folder, "uwsgi", "", server=server, **how)


def as_who_we_are(options):
    """Options that run a server as another user, as one of ours that this user may open.

    Only root can become another user; and this Python may stand where none but its owner can read it.
    """
    if "--user" not in options:
        return options
    at = options.index("--user")
    own = ["--socket-owner", f":{options[at + 1]}"] if os.getuid() == 0 else []
    return [*options[:at], *own, *options[at + 2 :]]
