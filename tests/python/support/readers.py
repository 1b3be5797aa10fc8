"""Many readers at once, each at its own pace."""

import select

from support.waiting import PATIENCE

# What a slow reader takes at a time, and a fast one, bytes.
LITTLE, MUCH = 8_192, 1 << 20


def read_together(slow, fast=()):
    """Reads these responses side by side to their ends, and closes; returns them, the slow ones first."""
    pieces = {asked.connection: (asked, LITTLE) for asked in slow}
    pieces.update({asked.connection: (asked, MUCH) for asked in fast})
    while pieces:
        ready, _, _ = select.select(list(pieces), [], [], PATIENCE)
        assert ready, f"nothing has come for {PATIENCE} s, and {len(pieces)} responses are not over"
        for connection in ready:
            asked, size = pieces[connection]
            if not asked.read_some(size):
                del pieces[connection]
    responses = [asked.response() for asked in [*slow, *fast]]
    for asked in [*slow, *fast]:
        asked.close()
    return responses
