"""Tidegate: the application server behind nginx's uwsgi_pass. `tidegate serve --help` tells how to run it.

`tidegate.serve(app, http="127.0.0.1:8080")` serves in this process, and `tidegate.serving(app, http="127.0.0.1:0")` beside it.
"""

from tidegate._server import Options, Server, serve, serving
from tidegate._tidegate import FileWrapper, __version__

__all__ = ["FileWrapper", "Options", "Server", "__version__", "serve", "serving"]
