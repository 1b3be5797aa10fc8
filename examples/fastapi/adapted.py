"""The same application behind an adapter: a WSGI application that runs it on an event loop of its own thread."""

from a2wsgi import ASGIMiddleware

from main import app

application = ASGIMiddleware(app)
