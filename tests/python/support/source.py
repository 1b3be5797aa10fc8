"""Applications that a test has written beside itself, as modules for the server."""

import inspect
import textwrap


def module(*parts):
    """A module of these parts: functions and classes, of which it takes the source, or text."""
    sources = [part if isinstance(part, str) else inspect.getsource(part) for part in parts]
    return "\n\n".join(textwrap.dedent(source) for source in sources)
