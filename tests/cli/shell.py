"""Types lines into a shell that has a completion script, and prints what the command was given, a line each.

    shell.py SHELL SCRIPT COMMAND LINE...

A TAB in a LINE is a key as any other. COMMAND is a program that tells its arguments; beside it lie settings.toml,
packet.bin and the folder named folder. As in `--name=VALUE` and `--name VALUE`, the = that a shell adds is shown as a space.
"""

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

PATIENCE = 30
PROMPT = "it is ready> "

shell, script, command, *lines = sys.argv[1:]
if not shutil.which(shell):
    sys.exit(f"{shell} is not installed: tests/setup.sh does it")

home = Path(tempfile.mkdtemp(prefix="tidegate-shell-"))
told = home / "told"
(home / "bin").mkdir()
(home / "bin" / command).write_text(f'#!/bin/sh\necho "$@" >>{told}\n')
(home / "bin" / command).chmod(0o755)
work = home / "work"
(work / "folder").mkdir(parents=True)
for name in ("settings.toml", "packet.bin"):
    (work / name).touch()


def installed(place, beginning=""):
    """The script where the shell looks for it; returns its path."""
    path = home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(beginning + Path(script).read_text())
    return path


if shell == "bash":
    path = installed("completions/" + command)
    (home / "rc").write_text(f"PS1='{PROMPT}'\n. {path}\n")
    program = ["bash", "--noprofile", "--rcfile", str(home / "rc"), "-i"]
elif shell == "zsh":
    path = installed("functions/_" + command)
    start = f"fpath=({path.parent} $fpath)\nautoload -U compinit\ncompinit -u -d {home}/dump\nPS1='{PROMPT}'\n"
    (home / ".zshrc").write_text(start)
    program = ["zsh", "-d", "-i"]
else:
    installed(f".config/fish/completions/{command}.fish")
    prompt = f"function fish_prompt; echo -n '{PROMPT}'; end\nset fish_greeting\n"
    (home / ".config/fish/config.fish").write_text(prompt)
    program = ["fish", "-i"]

child, terminal = pty.fork()
if child == 0:
    os.chdir(work)
    path = f"{home}/bin:{os.environ['PATH']}"
    os.execvpe(program[0], program, {"HOME": str(home), "ZDOTDIR": str(home), "PATH": path, "TERM": "xterm"})
# Wide enough that no line is wrapped.
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))

shown = b""
deadline = time.monotonic() + PATIENCE


def wait(what, condition):
    """Reads what the shell shows until something is true."""
    global shown
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{shell} never came to this: {what}; it showed:\n{shown.decode(errors='replace')}")
        if select.select([terminal], [], [], 0.02)[0]:
            shown += os.read(terminal, 65536)


def count():
    return len(told.read_text().splitlines()) if told.exists() else 0


try:
    for number, line in enumerate(lines):
        wait("a prompt", lambda: PROMPT.encode() in shown)
        shown = b""
        os.write(terminal, f"{line}\r".encode())
        wait(f"the command behind {line!r}", lambda: count() > number)
    print(told.read_text().replace("=", " "), end="")
finally:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    shutil.rmtree(home, ignore_errors=True)
