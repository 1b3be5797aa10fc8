"""Tidegate: the application server behind nginx's uwsgi_pass. `tidegate serve --help` tells how to run it."""

from tidegate._tidegate import FileWrapper, __version__

__all__ = ["FileWrapper", "__version__"]
