"""uwsgi.lock(): locks that the workers of one master share."""

from __future__ import annotations

import fcntl
import os
import threading

#: The file on whose bytes the locks are, from before the workers are forked. The kernel lets go of what a process that dies has.
_file: int | None = None


def prepare() -> None:
    """Makes what the workers share: in the process that they are forked of."""
    global _file
    if _file is None:
        _file = os.memfd_create("uwsgi-locks")


class Locks:
    """Lock 0, and `count` more. The kernel's are held by processes, so that threads exclude one another by a second one."""

    def __init__(self, count: int) -> None:
        prepare()
        self._count = count
        self._new_mutexes()
        # A child that the application forks holds none of its parent's.
        os.register_at_fork(after_in_child=self._new_mutexes)

    def lock(self, number: int = 0) -> None:
        """Waits until it is this thread's."""
        mutex = self._mutex(number)
        mutex.acquire()
        try:
            fcntl.lockf(_descriptor(), fcntl.LOCK_EX, 1, number)
        except BaseException:
            mutex.release()
            raise

    def unlock(self, number: int = 0) -> None:
        """Lets go of it; of one that is not held too."""
        mutex = self._mutex(number)
        if mutex.locked():
            fcntl.lockf(_descriptor(), fcntl.LOCK_UN, 1, number)
            mutex.release()

    def is_locked(self, number: int = 0) -> bool:
        """Whether a thread of any worker has it."""
        mutex = self._mutex(number)
        if not mutex.acquire(blocking=False):
            return True
        try:
            fcntl.lockf(_descriptor(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            fcntl.lockf(_descriptor(), fcntl.LOCK_UN, 1, number)
        except OSError:
            return True
        finally:
            mutex.release()
        return False

    def _mutex(self, number: int) -> threading.Lock:
        if not 0 <= number <= self._count:
            raise ValueError("Invalid lock number")
        return self._mutexes[number]

    def _new_mutexes(self) -> None:
        self._mutexes = [threading.Lock() for _ in range(self._count + 1)]


def _descriptor() -> int:
    assert _file is not None
    return _file
