"""A server that is measured: started on its core, waited for, ended."""

import os
import signal
import socket
import subprocess
import time

PATIENCE = 20  # seconds, for it to listen; only a failure takes that long
STOPPING = 3  # seconds, until what does not stop is killed
CONNECTING = 5  # seconds


class NotStarted(Exception):
    pass


class Server:
    """Runs until `stop`, in a group of processes of its own."""

    def __init__(self, command, addresses, log, core):
        self.log = log
        mine = os.sched_getaffinity(0)
        with open(log, "w") as out:
            try:
                # What it starts inherits its core.
                os.sched_setaffinity(0, mine if core is None else {core})
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise NotStarted("not installed") from None
            finally:
                os.sched_setaffinity(0, mine)
        deadline = time.monotonic() + PATIENCE
        while not all(map(is_served, addresses)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise NotStarted("does not start: " + (log.read_text().strip().splitlines() or ["it says nothing"])[-1])
            time.sleep(0.01)

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        """Ends it and all that it has started; again is no harm."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(STOPPING)
            except subprocess.TimeoutExpired:
                pass


def connect(address):
    """A connection to a unix socket's path or HOST:PORT."""
    if "/" in address:
        one = socket.socket(socket.AF_UNIX)
        place = address
    else:
        one = socket.socket()
        host, port = address.rsplit(":", 1)
        place = (host, int(port))
    one.settimeout(CONNECTING)
    try:
        one.connect(place)
    except OSError:
        one.close()
        raise
    return one


def is_served(address):
    try:
        connect(address).close()
    except OSError:
        return False
    return True
