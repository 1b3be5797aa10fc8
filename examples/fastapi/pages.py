"""The WSGI part of a site whose API is FastAPI's."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b'<!doctype html><title>Pages</title><a href="/api/items/5?q=lamp">an item</a>\n']
