"""A long wire: frames between two ends arrive later, and some do not.

Linux has `tc netem` for that, as a module that not every machine has; this one needs /dev/net/tun alone.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
FRAME_BYTES = 65536


class Wire:
    """Each frame takes `delay` seconds from one end to the other; of so many a part is lost."""

    def __init__(self, name, delay, loss):
        self.delay, self.loss, self.random = delay, loss, random.Random(name)
        self.ends = [f"tg{side}{os.getpid()}{name[4:]}"[:15] for side in "ab"]
        self.files = [tap(end) for end in self.ends]
        self.lost = 0
        self.woken, self.wake = os.pipe()
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        due, count = [], 0
        while True:
            timeout = max(0, due[0][0] - time.monotonic()) if due else None
            readable, _, _ = select.select([*self.files, self.woken], [], [], timeout)
            if self.woken in readable:
                return
            for file in readable:
                frame = os.read(file, FRAME_BYTES)
                if self.random.random() < self.loss:
                    self.lost += 1
                    continue
                count += 1
                other = self.files[1 - self.files.index(file)]
                heapq.heappush(due, (time.monotonic() + self.delay, count, other, frame))
            while due and due[0][0] <= time.monotonic():
                _, _, file, frame = heapq.heappop(due)
                try:
                    os.write(file, frame)
                except OSError:
                    # That end is not up yet.
                    self.lost += 1

    def close(self):
        os.write(self.wake, b"!")
        self.thread.join()
        for file in (*self.files, self.woken, self.wake):
            os.close(file)


def tap(name):
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    # Before it is up, a read fails.
    os.set_blocking(file, True)
    return file
