"""The files of the modules that are loaded, for `--reload`: those that a developer may save."""

from __future__ import annotations

import os
import sys
import sysconfig
import time
from importlib.machinery import SourceFileLoader
from importlib.util import source_from_cache
from types import TracebackType
from typing import Any

#: What was told, and what is to be told though no module has it: where a load has failed.
_told: set[str] = set()
_failed_in: set[str] = set()
_count = 0

#: How old a file is whose next save has another time.
_FRESH_SECONDS = 2

#: What is installed, and changes with the environment alone.
_INSTALLED = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def new_files() -> list[str]:
    """The files that were loaded since this was last asked, and the folders of packages, which end with a slash."""
    global _count
    if len(sys.modules) == _count and not _failed_in:
        return []
    modules = sys.modules.copy()
    _count = len(modules)
    standard = tuple(
        os.path.join(folder, "") for name in ("stdlib", "platstdlib") if (folder := sysconfig.get_path(name))
    )
    found = {file for name, module in modules.items() if name != "__main__" for file in _of_module(module)} | _failed_in
    _failed_in.clear()
    own = {path for path in map(_absolute, found) if not path.startswith(standard) and not any(part in path for part in _INSTALLED)}
    new = own - _told
    _told.update(new)
    return sorted(new)


def keep_no_fresh_bytecode() -> None:
    """Writes no .pyc of a file that was saved just now: it has the file's time in seconds and its length, and would stand for
    the next save too, if that is in the same second and as long."""
    write = SourceFileLoader.set_data
    if getattr(write, "_is_tidegates", False):
        return

    def set_data(self: SourceFileLoader, path: Any, data: Any, **mode: Any) -> None:
        try:
            is_fresh = time.time() - os.stat(source_from_cache(path)).st_mtime < _FRESH_SECONDS
        except (OSError, ValueError, TypeError):
            is_fresh = False
        if not is_fresh:
            write(self, path, data, **mode)

    set_data._is_tidegates = True  # type: ignore[attr-defined]
    SourceFileLoader.set_data = set_data  # type: ignore[method-assign,assignment]


def failed(error: BaseException | None) -> None:
    """Takes note of where a load has failed: a module that cannot be imported is none."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames: TracebackType | None = error.__traceback__
        while frames is not None:
            _failed_in.add(frames.tb_frame.f_code.co_filename)
            frames = frames.tb_next
        if isinstance(error, SyntaxError) and isinstance(error.filename, str):
            _failed_in.add(error.filename)
        error = error.__cause__ or error.__context__
    _failed_in.difference_update([file for file in _failed_in if file.startswith("<")])


def _of_module(module: Any) -> list[str]:
    # A module that is loaded when it is first used is not to be loaded by this, and what stands there may be any object.
    try:
        names = object.__getattribute__(module, "__dict__")
        file, path = names.get("__file__"), names.get("__path__")
        folders = [os.path.join(folder, "") for folder in list(path or ()) if isinstance(folder, str)]
    except Exception:
        return []
    return folders + [file] if isinstance(file, str) else folders


def _absolute(path: str) -> str:
    return os.path.join(os.path.abspath(path), "") if path.endswith(os.sep) else os.path.abspath(path)
