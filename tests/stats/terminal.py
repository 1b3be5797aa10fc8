"""Runs a program in a terminal of its own, waits until it shows what is wanted, ends it, and tells what became of both.

    terminal.py LINESxCOLUMNS END TEXT... -- PROGRAM ARGUMENT...

END is a key, ^C, or the name of a signal; or another LINESxCOLUMNS: the terminal then has that size from where RESIZE
stands among the texts, and q ends the program.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 30

size, end, *texts = sys.argv[1 : sys.argv.index("--")]
program = sys.argv[sys.argv.index("--") + 1 :]
ours, theirs = pty.openpty()


def resize(to):
    lines, columns = map(int, to.split("x"))
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


resize(size)
before = termios.tcgetattr(theirs)
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    for descriptor in range(3):
        os.dup2(theirs, descriptor)
    os.environ["TERM"] = "xterm"
    os.execv(program[0], program)

deadline = time.monotonic() + PATIENCE


def fail(why):
    os.kill(child, signal.SIGKILL)
    sys.exit(f"{why}; it showed:\n{shown.decode(errors='replace')}")


def read():
    global shown
    if not select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
        fail("it took too long")
    shown += os.read(ours, 65536)


shown = b""
for text in texts:
    if text == "RESIZE":
        assert texts[-1].encode() not in shown, "it shows that already"
        resize(end)
        os.kill(child, signal.SIGWINCH)
        shown, end = b"", "q"
        continue
    while text.encode() not in shown:
        read()

if len(end) > 2:
    os.kill(child, getattr(signal, "SIG" + end))
else:
    os.write(ours, b"\x03" if end == "^C" else end.encode())
while True:
    # What it still writes must be read, or it would wait for that.
    if select.select([ours], [], [], 0.01)[0]:
        shown += os.read(ours, 65536)
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        break
    if time.monotonic() > deadline:
        fail("it does not end")

after = "as" if termios.tcgetattr(theirs) == before else "not as"
print(f"exit status {os.waitstatus_to_exitcode(status)}, the terminal is {after} before")
