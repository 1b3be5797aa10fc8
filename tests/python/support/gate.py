"""A gate at which calls of the application wait until the test lets them go, with or without the GIL.

It is a FIFO in the server's folder: each byte in it lets one call go. A call that waited too long gives up and says so;
so what a test does before it opens the gate has happened during the call, or the call's answer tells that it has not.
"""

import os

from support.waiting import eventually

LET_GO, GAVE_UP = b"let go", b"gave up"


class Gate:
    """The test's side."""

    def __init__(self, folder):
        os.mkfifo(folder / "gate")
        # It is open for reading too: so the application's side never sees its end.
        self.fifo = os.open(folder / "gate", os.O_RDWR | os.O_NONBLOCK)
        self.calls = folder / "calls"
        self.calls.touch()

    def wait_for(self, count=1):
        """Waits until so many calls have come to the gate, since the beginning."""
        eventually(f"{count} calls wait", lambda: self.calls.stat().st_size >= count)

    def open(self, count=1):
        """Lets so many go."""
        os.write(self.fifo, bytes(count))

    def close(self):
        """Ends the FIFO."""
        os.close(self.fifo)


def wait_at_the_gate(keeps_the_gil=False):
    """The application's side, whose source a test gives to its module."""
    import ctypes
    import os
    import select
    import struct
    import time

    gate = os.open("gate", os.O_RDONLY | os.O_NONBLOCK)
    with open("calls", "a") as calls:
        calls.write(".")
    deadline = time.monotonic() + 25
    try:
        while (left := deadline - time.monotonic()) > 0:
            if keeps_the_gil:
                # PyDLL calls without letting go of it.
                asked = ctypes.create_string_buffer(struct.pack("ihh", gate, select.POLLIN, 0))
                ctypes.PyDLL(None).poll(asked, 1, int(left * 1000) + 1)
            else:
                select.select([gate], [], [], left)
            try:
                os.read(gate, 1)
                return b"let go"
            except BlockingIOError:
                pass  # Another call was faster, or the time is over.
        return b"gave up"
    finally:
        os.close(gate)
