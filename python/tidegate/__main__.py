"""The command: `tidegate ...`, or `python -m tidegate ...`; by the name `uwsgi` it is `tidegate uwsgi ...`."""

import os
import signal
import sys

from tidegate import _tidegate


def main() -> int:
    """Runs the command of sys.argv, and returns its exit status."""
    # The command stops by Ctrl-C in its own way: not by KeyboardInterrupt, in the middle of a request.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    name = "uwsgi" if os.path.basename(sys.argv[0]) == "uwsgi" else "tidegate"
    status = _tidegate.run([name, *sys.argv[1:]])
    _write_out("stdout")
    _write_out("stderr")
    return status


def _write_out(name: str) -> None:
    """Writes what the application has printed there. The interpreter would do so, too; but if it cannot, for want of room
    or of a reader, it ends with a status of its own, 120: a worker that has done its work would seem to have died."""
    stream = getattr(sys, name)
    try:
        if stream is not None and not stream.closed:
            stream.flush()
    # It may be any object, of the application's.
    except Exception:
        setattr(sys, name, None)


if __name__ == "__main__":
    sys.exit(main())
