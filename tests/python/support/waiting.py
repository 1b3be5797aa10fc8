"""Waiting for a state: by looking, with a deadline."""

import time

# Only a failure takes that long, seconds.
PATIENCE = 30


def eventually(what, look, patience=PATIENCE):
    """What `look` returns, as soon as it is true; it fails with `what` if that takes too long."""
    deadline = time.monotonic() + patience
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"this did not come within {patience} s: {what}"
        time.sleep(0.005)
