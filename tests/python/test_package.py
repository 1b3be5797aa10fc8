"""The installed package: its command, its types, its version."""

import subprocess
import sys
from importlib import metadata

from support.server import TIDEGATE


def run(*command):
    """Exit status, stdout and stderr."""
    told = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return told.returncode, told.stdout, told.stderr


def test_the_command_and_the_package_have_one_version():
    """`tidegate --version` says it."""
    status, out, _ = run(TIDEGATE, "--version")
    assert (status, out) == (0, f"tidegate {metadata.version('tidegate')}\n")
    assert run(sys.executable, "-m", "tidegate", "--version") == (status, out, "")


def test_it_is_typed():
    """py.typed and stubs are in the wheel, and nothing of the tests is."""
    files = [str(file) for file in metadata.files("tidegate")]
    assert any(file.endswith("tidegate/py.typed") for file in files), files
    assert any(file.endswith(".pyi") for file in files), files
    assert not [file for file in files if "test" in file or "fixture" in file], files


def test_it_needs_nothing_else():
    """No other package is installed with it."""
    assert [need for need in metadata.requires("tidegate") or [] if "extra ==" not in need] == []


def test_importing_it_has_no_effects():
    """No handler of a signal, no thread, no output."""
    code = (
        "import signal, threading\n"
        "before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]\n"
        "import tidegate\n"
        "assert before == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]\n"
        "assert threading.active_count() == 1\n"
    )
    assert run(sys.executable, "-c", code) == (0, "", "")


def test_the_other_subcommands_work(start, folder):
    """`tidegate request` asks a server of ours."""
    server = start("hello", listeners=["uwsgi"])
    status, out, _ = run(TIDEGATE, "request", server.listeners["uwsgi"].address, "/")
    assert status == 0 and "Hello, World" in out
