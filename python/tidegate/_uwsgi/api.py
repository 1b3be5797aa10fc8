"""The functions of the module `uwsgi`."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from typing import Any, Union

from tidegate import _tidegate

_Text = Union[str, bytes]

# The server.

def worker_id() -> int:
    """This worker's number, from 1 on; 0 in the process that loads the application for all."""
    return _tidegate.own_number()


def masterpid() -> int:
    """The master's process number; 0 if there is none."""
    return _tidegate.master_process()


def mule_id() -> int:
    """There are no mules: 0."""
    return 0


def in_farm(name: str | None = None) -> None:
    """There are no mules, and so it is in no farm."""


def i_am_the_spooler() -> None:
    """There is no spooler."""


def workers() -> tuple[dict[str, Any], ...]:
    """What each worker does and has done since its process began."""
    now = {worker["id"]: worker for worker in _tidegate.workers_now()}
    return tuple(_worker(number, now.get(number, {})) for number in range(1, sys.modules["uwsgi"].numproc + 1))


def total_requests() -> int:
    """Requests that all workers have answered."""
    return _tidegate.requests_so_far()


def ready() -> bool | None:
    """True once a worker serves."""
    return any(worker["is_ready"] for worker in _tidegate.workers_now()) or None


def accepting(is_accepting: int = 1) -> None:
    """A worker counts as ready by itself, once the application is loaded."""


def reload() -> bool | None:
    """Has the master load the application anew."""
    return _tell_master(signal.SIGHUP)


def stop() -> bool | None:
    """Has the master finish what runs, and end."""
    return _tell_master(signal.SIGQUIT)


def _tell_master(number: int) -> bool | None:
    master = masterpid()
    if not master:
        log("uwsgi.reload() and uwsgi.stop() ask the master, and there is none")
        return None
    os.kill(master, number)
    return True


def log(line: _Text) -> bool:
    """Writes a line to the log."""
    _tidegate.log_line(_bytes(line))
    return True


def mem() -> tuple[int, int]:
    """This process's resident memory and address space, bytes."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        size, resident = statm.read().split()[:2]
    page = os.sysconf("SC_PAGE_SIZE")
    return int(resident) * page, int(size) * page


def logsize() -> int:
    """The length of the log's file, bytes; 0 if the log is no file."""
    log = os.fstat(2)
    return log.st_size if stat.S_ISREG(log.st_mode) else 0


def micros() -> int:
    """Now, microseconds since 1970."""
    return time.time_ns() // 1000


def setprocname(name: str) -> None:
    """Names the process, as ps(1) and top(1) show it."""
    with open("/proc/self/comm", "wb") as comm:
        comm.write(os.fsencode(name)[:15])

# The request of the thread that asks.


def request_id() -> int:
    """How many requests this thread has had before this one."""
    return _tidegate.request_count()


def connection_fd() -> int:
    """A number for is_connected(). It is no file descriptor: the server alone reads and writes the connection."""
    return _tidegate.connection_number()


def is_connected(number: int) -> bool:
    """Whether the client of the request with this number is still there."""
    return _tidegate.is_connected(number)


def set_logvar(name: _Text, value: _Text) -> None:
    """Gives the access log a variable of the request."""
    _tidegate.set_note(_bytes(name).decode("latin-1"), _bytes(value))


def get_logvar(name: _Text) -> bytes | None:
    """What was set under this name."""
    return _tidegate.note(_bytes(name).decode("latin-1"))


def log_this_request() -> None:
    """Has this request be in the access log, whatever that leaves out."""
    _tidegate.set_note("log_this_request", b"1")


def _bytes(text: _Text) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


def _worker(number: int, now: dict[str, Any]) -> dict[str, Any]:
    """A worker by uWSGI's keys. One that is not there is cheap, as those that are not needed are in uWSGI."""
    status = b"cheap" if not now else b"busy" if now["is_busy"] else b"idle"
    counts = {name: now.get(name, 0) for name in ("requests", "exceptions")}
    return {
        "id": number,
        "pid": now.get("pid", 0),
        "requests": counts["requests"],
        "delta_requests": counts["requests"],
        "signals": 0,
        "exceptions": counts["exceptions"],
        "status": status,
        "rss": now.get("rss", 0),
        "vsz": now.get("vsz", 0),
        "running_time": now.get("running_time", 0),
        "last_spawn": now.get("last_spawn", 0),
        "respawn_count": now.get("respawn_count", 0),
        "tx": now.get("tx", 0),
        "avg_rt": now.get("running_time", 0) // max(1, counts["requests"]),
        "apps": (
            {
                "id": 0,
                "modifier1": 0,
                "mountpoint": b"",
                "startup_time": 0,
                "interpreter": 0,
                "callable": 0,
                **counts,
                "chdir": b"",
            },
        ),
    }
