"""`import uwsgi` and `import uwsgidecorators`, as under uWSGI: they are there only where its configuration is served (`tidegate uwsgi`).

The values have uWSGI's types: bytes where it has bytes.
"""

from __future__ import annotations

import atexit
import importlib
import os
import socket
import sys
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Optional

from tidegate import _tidegate
from tidegate._uwsgi import api, locks, missing

#: The uWSGI whose module this is like.
VERSION = (2, 0, 31)

#: Options as they were given: the name, and the value unless it has none.
Given = Sequence[tuple[str, Optional[str]]]


def install(given: Given, processes: int, threads: int) -> None:
    """Has the two modules be found, and the process look to the application as uWSGI's do."""
    sys.argv[:] = ["uwsgi"]
    opt = _options(given)
    shared = locks.Locks(int(opt.get("locks", 0)))
    module = ModuleType("uwsgi", "The server around this process, as uWSGI's module tells it.")
    module.__dict__.update(
        _functions(),
        lock=shared.lock,
        unlock=shared.unlock,
        is_locked=shared.is_locked,
        opt=opt,
        version=".".join(map(str, VERSION)).encode(),
        version_info=(*VERSION, 0, b""),
        hostname=socket.gethostname().encode(),
        numproc=processes,
        cores=threads,
        has_threads=1,
        buffer_size=65535,
        started_on=_tidegate.started_at() or int(time.time()),
        is_a_reload=_tidegate.is_reload(),
        loop=None,
        unbit=None,
        applications=None,
        magic_table={},
        __getattr__=missing.of("uwsgi"),
    )
    sys.modules["uwsgi"] = module
    sys.modules["uwsgidecorators"] = importlib.import_module("tidegate._uwsgi.decorators")


def _functions() -> dict[str, Any]:
    own = {name: value for name, value in vars(api).items() if not name.startswith("_")}
    return {name: value for name, value in own.items() if getattr(value, "__module__", None) == api.__name__}


def begin_worker() -> None:
    """This process is a worker from here on, and has the application."""
    module = sys.modules["uwsgi"]
    hook = vars(module).get("post_fork_hook")
    try:
        if hook is not None:
            hook()
        sys.modules["uwsgidecorators"].postfork_chain_hook()
    finally:
        # What the application has registered by itself comes after it.
        atexit.register(_at_exit, module)


def _at_exit(module: ModuleType) -> None:
    function = vars(module).get("atexit")
    if function is not None:
        function()


def _options(given: Given) -> dict[str, Any]:
    """`uwsgi.opt`: True is an option without a value, and of one that was given several times it is the last. What is always so here,
    and what libraries ask for before they begin threads, is said too."""
    always = dict.fromkeys(("master", "enable-threads", "py-call-uwsgi-fork-hooks"), True)
    return {**always, **{name: True if text is None else os.fsencode(text) for name, text in given}}
