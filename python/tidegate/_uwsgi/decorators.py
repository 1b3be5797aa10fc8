"""`import uwsgidecorators`: those of uWSGI's decorators that have a meaning here."""

from __future__ import annotations

import functools
import sys
import threading
from typing import Any, Callable

from tidegate._uwsgi import missing

_Function = Callable[..., Any]

#: What runs in each worker once it has the application, in this order.
postfork_chain: list[_Function] = []

__getattr__ = missing.of("uwsgidecorators")


def postfork_chain_hook() -> None:
    """Runs all of them."""
    for function in postfork_chain:
        function()


def postfork(what: _Function | int) -> Any:
    """Has the function run in each worker, or, as `@postfork(1)`, in the worker of this number."""
    if callable(what):
        postfork_chain.append(what)
        return what
    number = what

    def decorate(function: _Function) -> _Function:
        def run() -> None:
            if number in (0, sys.modules["uwsgi"].worker_id()):
                function()

        postfork_chain.append(run)
        return function

    return decorate


def thread(function: _Function) -> _Function:
    """Has each call begin a thread that runs the function."""

    @functools.wraps(function)
    def begin(*arguments: Any) -> _Function:
        threading.Thread(target=function, args=arguments, daemon=True).start()
        return function

    return begin


def lock(function: _Function) -> _Function:
    """Has one thread of all workers run the function at a time."""

    @functools.wraps(function)
    def locked(*arguments: Any, **named: Any) -> Any:
        uwsgi = sys.modules["uwsgi"]
        uwsgi.lock()
        try:
            return function(*arguments, **named)
        finally:
            uwsgi.unlock()

    return locked
