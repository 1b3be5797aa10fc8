"""The command: `tidegate ...`, or `python -m tidegate ...`."""

import signal
import sys

from tidegate import _tidegate


def main() -> int:
    """Runs the command of sys.argv, and returns its exit status."""
    # The command stops by Ctrl-C in its own way: not by KeyboardInterrupt, in the middle of a request.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _tidegate.run(["tidegate", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
