"""What the pictures show: real runs of the command, beside real clients. Each returns the text of a terminal."""

import contextlib
import fcntl
import os
import pty
import re
import select
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIDEGATE = HERE.parents[1] / ".venv" / "bin" / "tidegate"
COLUMNS, LINES = 130, 14
PATIENCE = 30  # seconds; only a failure takes that long


def top():
    """`tidegate top` in a terminal of its own, beside four workers, quick requests and one that hangs."""
    options = ["--workers", "4", "--threads", "2", "--http", "127.0.0.1:0", "--stats", "127.0.0.1:0"]
    with Server(*options) as server, contextlib.ExitStack() as clients:
        http = server.listens("http")
        for number in range(6):
            clients.enter_context(Browsing(http, f"/items/{number}"))
        clients.enter_context(Browsing(http, "/report"))
        # The master has chosen the port of its statistics, and says so in no line.
        stats = next(port for port in listening_ports(server.process.pid) if port != http[1])
        command = [str(TIDEGATE), "top", f"127.0.0.1:{stats}"]
        return "$ tidegate top 127.0.0.1:%d\n%s" % (stats, last_frame(command, shows_load))


def shows_load(frame):
    """Whether all workers answer, and the hanging request has been seen for some seconds."""
    rates = re.findall(r"^ +\d+ +\d+ +\w+ +([\d.]+)", frame, re.MULTILINE)
    hangs = re.search(r"GET /report \(([\d.]+) s\)", frame)
    return len(rates) == 4 and all(float(rate) > 0 for rate in rates) and hangs and float(hangs[1]) > 3


def last_frame(command, is_wanted):
    """Runs a command in a terminal until a whole frame of it is the wanted one; returns that."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    shown, deadline = "", time.monotonic() + PATIENCE
    try:
        while True:
            readable, _, _ = select.select([ours], [], [], max(0, deadline - time.monotonic()))
            if not readable:
                raise SystemExit(f"{' '.join(command)} did not show what is wanted; it showed:\n{shown}")
            shown += os.read(ours, 65536).decode()
            # A frame goes home, clears behind each line, and ends with what clears all below it.
            for frame in re.findall(r"\x1b\[H([^\x1b]*(?:\x1b\[K[^\x1b]*)*)\x1b\[J", shown)[-1:]:
                frame = re.sub(r"\x1b\[K|\r", "", frame)
                if is_wanted(frame):
                    return frame + "\n"
    finally:
        process.terminate()
        process.wait(PATIENCE)
        os.close(ours)


def trace():
    """One request, as `--trace` tells it."""
    with Server("--workers", "0", "--trace", "--uwsgi", "127.0.0.1:0") as server:
        address = "%s:%d" % server.listens("uwsgi")
        asked = ["request", address, "/items/7?size=L"]
        subprocess.run([TIDEGATE, *asked], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
        told = server.wait_for(r"^#1.* finished .*\n", server.out)
        story = "".join(line for line in told.splitlines(True) if line.startswith("#1"))
        return f"$ tidegate serve shop --trace --uwsgi {address}\n{story}"


def timeout():
    """A request that takes too long: what its client gets, and what the log says."""
    with Server("--workers", "1", "--timeout", "1", "--http", "127.0.0.1:0", timed_out=True) as server:
        address = "%s:%d" % server.listens("http")
        asked = ["request", "--http", address, "/report", "-i"]
        got = subprocess.run([TIDEGATE, *asked], capture_output=True, text=True, timeout=PATIENCE)
        # The thread that is late, then all threads; beside them the master's lines.
        server.wait_for(r"(?s)in <module>\n.*in <module>\n", server.log)
        log = server.wait_for(r" retires after .*\n", server.log)
        reply = got.stdout.replace("\r\n", "\n")
        lines = [line for line in log.splitlines() if " serves shop on " not in line and "runs as root" not in line]
        told = _without_our_folders("\n".join(lines))
        return f"$ tidegate request --http {address} /report -i\n{reply}\n$ tail -f tidegate.log\n{told}\n"


def _without_our_folders(text):
    """The text with usual places for those of the machine that makes the pictures."""
    python = os.path.dirname(os.__file__)
    for theirs, usual in ((HERE, "/srv/shop"), (TIDEGATE.parents[1], "/srv/shop/venv"), (python, "/usr/lib/" + os.path.basename(python))):
        text = text.replace(f"{theirs}/", f"{usual}/")
    return text


class Server:
    """`tidegate serve shop`, with these options; it ends with the block."""

    def __init__(self, *options, timed_out=False):
        self.folder = tempfile.TemporaryDirectory(prefix="tide")
        self.out, self.log = Path(self.folder.name, "out"), Path(self.folder.name, "log")
        if not TIDEGATE.exists():
            raise SystemExit(f"{TIDEGATE} is missing: tests/python.sh -k test_hello builds it")
        with open(self.out, "w") as out, open(self.log, "w") as log:
            command = [TIDEGATE, "serve", "shop", "--chdir", HERE, *options]
            environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
            self.process = subprocess.Popen(command, stdout=out, stderr=log, env=environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # What hangs is not waited for.
        self.process.terminate()
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(PATIENCE)
        self.folder.cleanup()

    def listens(self, protocol):
        """The host and the port."""
        told = self.wait_for(rf"Listening on {protocol}://([\d.:]+)", self.out)
        host, port = re.search(rf"Listening on {protocol}://([\d.:]+)", told)[1].split(":")
        return host, int(port)

    def wait_for(self, pattern, file):
        """Waits until a file has this; returns all of it."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, text := file.read_text(), re.MULTILINE):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"no {pattern!r} in\n{text}\n{self.log.read_text()}")
            time.sleep(0.02)
        return text


class Browsing(threading.Thread):
    """A client that asks for a path again and again, with a pause as of a person; until the block ends."""

    def __init__(self, address, path):
        super().__init__(daemon=True)
        self.request = f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode()
        self.address, self.is_over = address, threading.Event()

    def run(self):
        while not self.is_over.wait(0.003):
            with contextlib.suppress(OSError), socket.create_connection(self.address) as connection:
                connection.sendall(self.request)
                while connection.recv(65536):
                    pass

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()


def listening_ports(pid):
    """The ports on which a process listens, over IPv4."""
    sockets = {os.readlink(f"/proc/{pid}/fd/{one}") for one in os.listdir(f"/proc/{pid}/fd")}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
            yield int(words[1].split(":")[1], 16)
