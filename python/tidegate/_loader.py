"""Finds the application that the command line names: `module`, `module:callable`, `module:factory()`, `./file.py`."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType
from typing import Any, Callable, cast

from tidegate import _kinds
from tidegate._kinds import LoadError

#: What a module's application is called, where the command line does not say; the first that there is.
NAMES = ("application", "app")


def check(virtualenv: str | os.PathLike[str] | None, arguments: str | None, is_uwsgi: bool) -> None:
    """Says what of the setting cannot be, before anything is loaded into it, in the process that the workers are forked of."""
    if virtualenv is not None:
        from tidegate import _virtualenv

        _virtualenv.check(virtualenv)
    _split(arguments)
    if is_uwsgi:
        from tidegate._uwsgi import locks

        locks.prepare()


def load(
    app: str,
    search_path: Sequence[str | os.PathLike[str]],
    environment: Sequence[tuple[str, str]],
    virtualenv: str | os.PathLike[str] | None,
    arguments: str | None,
    imports: Sequence[str],
    uwsgi: tuple[Sequence[tuple[str, str | None]], int, int] | None,
) -> Callable[..., Any]:
    """Returns the application `app`. The environment, the search path and sys.argv are this process's from here on."""
    os.environ.update(environment)
    _enter(virtualenv, arguments, uwsgi)
    _print_lines()
    target, _, expression = app.partition(":")
    for first in imports:
        _import(first, search_path)
    module = _import(target, search_path)
    application = _evaluate(module, expression) if expression else _default(module)
    if not callable(application):
        raise LoadError(f"{app} is no application: {type(application).__name__} is not callable")
    _kinds.refuse_asgi(app, application)
    _kinds.resolve_django_urls(application)
    return cast("Callable[..., Any]", application)


def _enter(
    virtualenv: str | os.PathLike[str] | None,
    arguments: str | None,
    uwsgi: tuple[Sequence[tuple[str, str | None]], int, int] | None,
) -> None:
    """What happens once in a process, however many applications it loads: they may change sys.path and sys.argv."""
    global _has_entered
    if _has_entered:
        return
    _has_entered = True
    if virtualenv is not None:
        from tidegate import _virtualenv

        _virtualenv.enter(virtualenv)
    if uwsgi is not None:
        from tidegate import _uwsgi

        _go_first(os.getcwd())
        _uwsgi.install(*uwsgi)
    if arguments is not None:
        sys.argv[1:] = _split(arguments)


_has_entered = False


def _split(arguments: str | None) -> list[str]:
    """The words of `--pyargv`, as a shell has them."""
    try:
        return shlex.split(arguments or "")
    except ValueError as error:
        raise LoadError(f"--pyargv {arguments!r}: {error}") from None


def _import(target: str, search_path: Sequence[str | os.PathLike[str]]) -> ModuleType:
    """A module by its name, or by its file."""
    is_file = target.endswith(".py") or os.sep in target
    name = _prepare_file(target) if is_file else _prepare_module(target)
    for folder in reversed(search_path):
        _go_first(os.path.abspath(folder))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Unless it is the module itself or its package, the application's own code has asked for it.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise LoadError(_nowhere(error.name)) from None


def _print_lines() -> None:
    """Has print() write each line at once where stdout is the log, which is read while the server runs.

    Elsewhere its lines stay in Python's buffer: a stdout that is full, or that nobody reads any more, is no failure of a call.
    """
    # Either may be closed, and sys.stdout None or something of the application's.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        if os.path.sameopenfile(1, 2):
            sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def explain(app: str, error: BaseException, frames: TracebackType | None) -> str:
    """Says why load() failed: in its own words, or with the traceback from where the application's code begins."""
    if isinstance(error, LoadError):
        return str(error)
    first = _without_loader(frames)
    if first is None and error.__cause__ is None and error.__context__ is None:
        # As with a syntax error, which says itself where it is.
        lines = traceback.format_exception_only(type(error), error)
    else:
        lines = traceback.format_exception(type(error), error, first)
    return f"cannot load {app}:\n" + "".join(lines).rstrip()


def _nowhere(name: str) -> str:
    """Says that there is no such module, and where it was looked for."""
    folders = [folder for folder in sys.path if os.path.isdir(folder)]
    places = "".join(f"\n    {folder}" for folder in folders)
    return (
        f"there is no module {name!r}. It was looked for in (--chdir and --pythonpath change the first of them; "
        f"--virtualenv names another environment, whose packages are found then):{places}"
    )


def _prepare_module(name: str) -> str:
    if not all(part.isidentifier() for part in name.split(".")):
        raise LoadError(
            f"{name!r} is neither a module, as myproject.wsgi, nor a file, as ./file.py"
        )
    _go_first(os.getcwd())
    return name


def _prepare_file(path: str) -> str:
    """Makes the file importable by its name: within its package, if it stands in one, so that its relative imports
    work."""
    path = os.path.abspath(path)
    if not os.path.isfile(path):
        raise LoadError(f"{path} is no file")
    folder, name = os.path.split(path)
    # A name of another ending, as app.wsgi, would be a module of a package.
    names = [name.removesuffix(".py").replace(".", "_")]
    # Under `tidegate uwsgi` this is a module of the server's.
    if names == ["uwsgi"] and "tidegate._uwsgi" in sys.modules:
        names = ["uwsgi_file"]
    if names[0] == "__init__":
        folder, name = os.path.split(folder)
        names = [name]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        names.insert(0, name)
    _go_first(folder)
    name = ".".join(names)
    importlib.invalidate_caches()
    found = _origin(name)
    if found is None or not os.path.samefile(found, path):
        _import_file(name, path)
    return name


def _origin(name: str) -> str | None:
    """Where `import name` would find it."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        return getattr(loaded, "__file__", None)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec is not None and spec.has_location else None


def _import_file(name: str, path: str) -> None:
    """Imports a file that has no name to be imported by: `my-app.py`, or one that another module's name hides."""
    spec = importlib.util.spec_from_file_location(name, path, loader=SourceFileLoader(name, path))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    hidden = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if hidden is None:
            del sys.modules[name]
        else:
            sys.modules[name] = hidden
        raise


def _default(module: ModuleType) -> Any:
    for name in NAMES:
        if hasattr(module, name):
            return getattr(module, name)
    raise LoadError(
        f"{module.__name__} has neither {' nor '.join(NAMES)}: name the callable, as {module.__name__}:callable"
    )


def _evaluate(module: ModuleType, expression: str) -> Any:
    """The value of `name`, `name.attribute`, or `name(arguments)`, whose arguments are literals."""
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError:
        raise LoadError(f"{expression!r} is neither a name nor a call, as create_app()") from None
    if not isinstance(tree, ast.Call):
        return _attribute(module, tree, expression)
    factory = _attribute(module, tree.func, expression)
    try:
        args = [ast.literal_eval(arg) for arg in tree.args]
        kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in tree.keywords}
    except ValueError:
        raise LoadError(f"{expression!r}: the arguments of a factory must be literals") from None
    return factory(*args, **kwargs)


def _attribute(module: ModuleType, tree: ast.expr, expression: str) -> Any:
    if isinstance(tree, ast.Attribute):
        owner, name = _attribute(module, tree.value, expression), tree.attr
    elif isinstance(tree, ast.Name):
        owner, name = module, tree.id
    else:
        raise LoadError(f"{expression!r} is neither a name nor a call, as create_app()")
    try:
        return getattr(owner, name)
    except AttributeError:
        raise LoadError(f"{module.__name__} has no {ast.unparse(tree)}") from None


def _go_first(folder: str) -> None:
    """Makes modules be looked for in `folder` before anywhere else."""
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)


def _without_loader(frames: TracebackType | None) -> TracebackType | None:
    """The traceback from where the application's own code begins."""
    ours = (
        __file__,
        _kinds.__file__,
        importlib.__file__,
        "<frozen importlib._bootstrap>",
        "<frozen importlib._bootstrap_external>",
    )
    first = frames
    while first is not None and first.tb_frame.f_code.co_filename in ours:
        first = first.tb_next
    return first
