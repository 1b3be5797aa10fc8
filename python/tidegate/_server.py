"""Serves an application in this process: `serve()` until Ctrl-C, `serving()` beside the program."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, TypedDict, Union

from tidegate import _tidegate

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: How late a signal is heard at most.
_HEARING_SECONDS = 1.0
#: A WSGI application, as PEP 3333 has it.
Application = Callable[..., Iterable[bytes]]
_Path = Union[str, "os.PathLike[str]"]


class Options(TypedDict, total=False):
    """The command's options that a server in another program's process has; `tidegate serve --help` tells of each."""

    uwsgi: str | Sequence[str]
    http: str | Sequence[str]
    http_proxy_protocol: str | Sequence[str]
    fastcgi: str | Sequence[str]
    scgi: str | Sequence[str]
    trusted_proxy: str | Sequence[str]
    allow_from: str | Sequence[str]
    socket_mode: str
    socket_owner: str
    backlog: int
    static: Mapping[str, _Path]
    static_cache_control: str
    static_follow_links: bool
    workers: int
    threads: int
    queue_timeout: float
    max_ahead: int | str
    timeout: float
    max_body: int | str
    max_connections: int
    head_timeout: float
    body_timeout: float
    keep_alive: float
    write_timeout: float
    grace: float
    access_log: bool
    access_log_file: _Path
    access_log_format: str
    log_format: str
    trace: bool
    verbose: int
    quiet: int


class Server:
    """A server that serves on threads of its own, from when it is made until close()."""

    def __init__(self, application: Application, options: Options) -> None:
        if not callable(application):
            raise TypeError(f"a WSGI application is callable, and {application!r} is not")
        # The command has no use for what this imports before it loads an application.
        from tidegate import _kinds

        try:
            _kinds.refuse_asgi("this", application)
        except _kinds.LoadError as error:
            raise TypeError(str(error)) from None
        self._native = _tidegate.Embedded(application, _typed(options))
        self._failure: BaseException | None = None
        # A child of this process has this object, and no thread that serves.
        self._process = os.getpid()
        # A join() that Ctrl-C interrupts takes the thread for one that has ended (CPython's gh-90882, up to 3.12).
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tidegate", daemon=True)
        # A thread that still serves when the interpreter is gone would crash.
        atexit.register(self.close, now=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._native.run()
        except SystemExit:
            # Of _break_off(), for a call that had just come back.
            pass
        except BaseException as error:
            self._failure = error
        finally:
            self._ended.set()

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """The protocols and where each is spoken, in the order in which the command has them."""
        return self._native.addresses

    def address(self, protocol: str = "http") -> str:
        """Where this protocol is spoken: `127.0.0.1:8080` with the port that the server has got, or `unix:/path`."""
        for name, address in self.addresses:
            if name == protocol:
                return address
        raise LookupError(f"{protocol} is spoken nowhere; there are {self.addresses}")

    def wait(self) -> None:
        """Returns when the server has ended. In a child of the process in which it serves there is none to wait for."""
        if os.getpid() != self._process:
            return
        # Ctrl-C that comes just before the wait begins does not break it off: Python hears of it when the wait ends.
        while not self._ended.wait(_HEARING_SECONDS):
            pass
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def close(self, now: bool = False) -> None:
        """Ends the server, and returns when it has ended. What runs is finished first, within `grace` seconds; `now` breaks it off:
        connections are closed, and a call that still runs raises SystemExit where it is. A second call does nothing, and so does
        one in a child that the process has forked."""
        if os.getpid() != self._process:
            return
        self._native.stop(now)
        try:
            # A call of the application that closes its own server cannot wait for itself.
            if not self._native.is_own_thread():
                while now and not self._break_off():
                    pass
                self.wait()
        except KeyboardInterrupt:
            # Once more Ctrl-C: now. A call that waits in C does not hear of it, and is left behind.
            self._native.stop(True)
            self._break_off()
            raise
        finally:
            atexit.unregister(self.close)

    def _break_off(self) -> bool:
        """Ends calls that still run; returns whether the server has ended, within a second."""
        if self._ended.wait(0.1):
            return True
        self._native.interrupt()
        return self._ended.wait(1)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def serving(application: Application, **options: Unpack[Options]) -> Server:
    """Serves `application` on threads beside this one, and returns the server; at the end of a `with` it is closed.

    The options are the command's: `serving(app, http="127.0.0.1:0", threads=4)`. What they say of processes (workers, users,
    reloads, log files) is an error here.
    """
    # In a test or a notebook each start would be a line of noise.
    if "verbose" not in options and "quiet" not in options:
        options["quiet"] = 1
    return Server(application, options)


def serve(application: Application, **options: Unpack[Options]) -> None:
    """Serves `application` until Ctrl-C, which finishes what runs and then is a KeyboardInterrupt; a second one breaks that off."""
    with Server(application, options) as server:
        where = ", ".join(f"{protocol}://{address}" for protocol, address in server.addresses)
        if not options.get("quiet"):
            print(f"tidegate: serves on {where}; Ctrl-C stops it", flush=True)
        server.wait()


def _typed(options: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The options as they would be typed; one that is None is not given."""
    return [(name, _values(name, value)) for name, value in options.items() if value is not None]


def _values(name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{key}={_text(name, one)}" for key, one in value.items()]
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return [_text(name, one) for one in value]
    return [_text(name, value)]


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:f}"
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise TypeError(f"{name}: {value!r} is neither text, a number nor a path")
