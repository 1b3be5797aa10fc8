"""What uWSGI's modules have and these have not: what it was, and what there is instead."""

from __future__ import annotations

import sys
from opcode import opmap
from typing import Any, Callable

_JOBS = "Celery, RQ, Huey or Dramatiq, or a program of its own beside this one (--attach)"
_TIMES = "a systemd timer, cron, Celery beat or APScheduler"
_WAITING = "a request has a thread for itself while it waits; --threads says how many there are"
_PEERS = "an HTTP or message queue client"

#: Names, or with a _ behind how they begin; what it was, and what to use.
_WERE = [
    ("cache_", "the cache that workers share", "Redis or memcached, as Django's caches and Flask-Caching speak to them"),
    ("queue_", "a queue in shared memory", "Redis, or multiprocessing's queues"),
    ("sharedarea_", "memory that workers share", "multiprocessing.shared_memory, or Redis"),
    ("metric_ snmp_", "a figure of uWSGI's metrics", "prometheus_client; the server's own figures are at --stats"),
    ("mule mule_ mulefunc muleloop mulemsg mulemsg_loop farm farm_ mule_brain farm_loop", "work for a process beside the workers", _JOBS),
    ("manage_spool_request spool spool_ spooler spooler_ spoolers spoolraw spoolforever SPOOL_ send_to_spooler set_spooler_frequency", "a queue of jobs in files", _JOBS),
    ("add_timer add_rb_timer add_cron timer rbtimer cron", "a function that runs at times", _TIMES),
    ("add_file_monitor filemon", "a function that runs when a file changes", "--reload-on for a reload, or the package watchdog"),
    ("register_signal signal signal_ get_free_signal", "a message to uWSGI's processes", _JOBS),
    ("register_rpc rpc rpc_ call erlang", "a call of another server's function", _PEERS),
    ("websocket_", "uWSGI's side of a WebSocket", "an ASGI server beside this one, with a location of its own in nginx"),
    ("chunked_read chunked_read_nb", "the reader of a chunked body", "environ['wsgi.input'], which has one without its chunks"),
    ("sendfile offload", "a file that the server sends", "return environ['wsgi.file_wrapper'](file)"),
    ("async_ wait_fd_ suspend green_schedule ready_fd", "a way to wait without a thread", _WAITING),
    ("connect send recv close", "a socket of uWSGI's", "socket, or an HTTP client"),
    ("set_user_harakiri harakiri", "a bound for one request's time", "--timeout (uWSGI's harakiri), which bounds each"),
    ("disconnect", "the response's end before the call's", "a thread, or the close() of what the application returns, for the rest"),
    ("set_warning_message", "a warning that each response shows", "a middleware"),
    ("listen_queue", "how many connections wait to be accepted", "--stats, which tells it for each listener"),
    ("i_am_the_lord lord_scroll scrolls", "the election of one server among several", "a lock in Redis or in the database"),
    ("alarm", "a message to an operator", "logging's handlers, or what watches --stats"),
    ("route", "uWSGI's router", "nginx's location"),
    ("add_var", "a variable of the request", "environ, which is a dict"),
    ("cl", "the length of the request's body", "environ['CONTENT_LENGTH']"),
    ("sockets", "the descriptors of the listeners, which are the server's alone", "--stats, which tells their addresses"),
    ("start_response", "the last request's start_response", "the one that the application is called with"),
    ("parsefile", "the reader of a spooled job", _JOBS),
    ("embedded_data extract SymbolsImporter SymbolsZipImporter ZipImporter", "data in uWSGI's program file", "importlib.resources"),
]


def of(module: str) -> Callable[[str], Any]:
    """The module's `__getattr__`."""

    def __getattr__(name: str) -> Any:
        words = f"there is no {module}.{name}"
        for names, what, instead in _WERE:
            if any(name == one or one.endswith("_") and name.startswith(one) for one in names.split()):
                words = f"{module}.{name} is not here. It was {what}; use {instead}"
        frame = sys._getframe(1)
        # `from uwsgi import cache_get` says nothing of an AttributeError but that the name cannot be imported.
        if frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]:
            raise ImportError(words, name=module)
        raise AttributeError(words)

    return __getattr__
