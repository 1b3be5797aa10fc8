"""Another environment's packages, in the place of those beside this one's command (`--virtualenv`): a virtual environment's, or those
of a whole installation of the same Python, as conda makes them."""

from __future__ import annotations

import glob
import importlib
import os
import re
import site
import sys
import sysconfig

from tidegate._kinds import LoadError


def check(folder: str | os.PathLike[str]) -> None:
    """Refuses what is no environment, or one whose packages are not for this interpreter."""
    folder = os.path.abspath(folder)
    if not os.path.isdir(folder):
        raise LoadError(f"--virtualenv {folder}: there is no such folder")
    said = _said(folder)
    version = re.match(r"(\d+)\.(\d+)", said.get("version", "") or said.get("version_info", ""))
    of = said.get("implementation", "CPython")
    if not said:
        installed = _installed(folder)
        if not installed:
            raise LoadError(
                f"--virtualenv {folder}: it has neither a pyvenv.cfg nor a Python, and so is no environment; {_command()} -m venv "
                "makes one"
            )
        if _command() not in installed:
            raise LoadError(f"--virtualenv {folder}: it is of {', '.join(installed)}{_instead(folder)}")
    if of != "CPython" or version is not None and tuple(map(int, version.groups())) != sys.version_info[:2]:
        raise LoadError(f"--virtualenv {folder}: it is of {of} {version.group() if version else ''}{_instead(folder)}")
    if not _packages(folder):
        raise LoadError(f"--virtualenv {folder}: it has no packages for {_command()}{_instead(folder)}")


def enter(folder: str | os.PathLike[str]) -> None:
    """Has modules be found as in the environment's own interpreter: its packages, with what its .pth files name, and those of the
    system only if its pyvenv.cfg wants them. What is imported already, as this package is, stays, and so does the standard library,
    also where an installation has one of its own."""
    folder = os.path.abspath(folder)
    if _is_same(folder, sys.prefix):
        return
    said = _said(folder)
    sees_system = bool(said) and said.get("include-system-site-packages", "true").lower() == "true"
    sys.path[:] = [entry for entry in sys.path if _is_interpreters(entry)]
    sys.prefix = sys.exec_prefix = folder
    interpreter = os.path.join(folder, "bin", "python")
    if os.access(interpreter, os.X_OK):
        sys.executable = interpreter
    # As site.main() does when an interpreter starts there.
    system = [sys.base_prefix, sys.base_exec_prefix] if sees_system else []
    site.PREFIXES[:] = [folder, *system]
    site.ENABLE_USER_SITE = bool((sees_system or not said) and site.check_enableusersite())
    folders = _packages(folder)
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    for prefix in dict.fromkeys(system):
        folders += _packages(prefix)
    for packages in dict.fromkeys(folders):
        if os.path.isdir(packages):
            site.addsitedir(packages)
    # It has noted the prefix of before.
    importlib.reload(sysconfig)
    site.execsitecustomize()


def _packages(prefix: str) -> list[str]:
    """The folders of packages that there are below a prefix."""
    # Distributions' own site modules have another rule for an environment, and know one by sys.prefix.
    before, sys.prefix = sys.prefix, prefix
    try:
        return [folder for folder in site.getsitepackages([prefix]) if os.path.isdir(folder)]
    finally:
        sys.prefix = before


def _installed(folder: str) -> list[str]:
    """The Pythons whose standard library is below a prefix, by their commands."""
    libraries = map(os.path.dirname, glob.glob(os.path.join(glob.escape(folder), "lib*", "p*", "os.py")))
    # conda has links beside them, of shorter names.
    names = {os.path.basename(library) for library in libraries if not os.path.islink(library)}
    return sorted(name for name in names if re.fullmatch(r"(python|pypy)\d\.\d+t?", name))


def _said(folder: str) -> dict[str, str]:
    """What pyvenv.cfg says; nothing without one."""
    try:
        with open(os.path.join(folder, "pyvenv.cfg"), encoding="utf-8", errors="replace") as lines:
            pairs = [line.partition("=") for line in lines]
    except OSError:
        return {}
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _is_interpreters(entry: str) -> bool:
    """Whether an entry of sys.path is the standard library's, or PYTHONPATH's."""
    standard = {path for name in ("stdlib", "platstdlib") if (path := sysconfig.get_path(name))}
    archive = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    given = [] if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return (
        entry in standard
        or os.path.dirname(entry) in standard
        and os.path.basename(entry) == "lib-dynload"
        or os.path.basename(entry) == archive
        or bool(entry)
        and entry in map(os.path.abspath, filter(None, given))
    )


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _command() -> str:
    """The interpreter's usual name."""
    return f"python{sys.version_info[0]}.{sys.version_info[1]}{'t' if 't' in sys.abiflags else ''}"


def _instead(folder: str) -> str:
    return (
        f", and this command is of {_command()}: run that environment's own, after `{folder}/bin/pip install tidegate`, "
        f"or make the environment anew with `{_command()} -m venv`"
    )
