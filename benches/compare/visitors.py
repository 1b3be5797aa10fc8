"""What is asked: requests as a browser makes them, no two in a row the same.

A server that keeps something of the last request (as tidegate keeps its environ) must not be measured by requests that
never change: these have each a query, a client's port and a cookie of their own, and the next one always other headers.
"""

import struct

VISITORS = 64
HOST = "www.example.com"

STOCK = {
    "QUERY_STRING": "",
    "REQUEST_METHOD": "GET",
    "CONTENT_TYPE": "",
    "CONTENT_LENGTH": "",
    "REQUEST_URI": "",
    "PATH_INFO": "/",
    "DOCUMENT_ROOT": "/usr/share/nginx/html",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REQUEST_SCHEME": "http",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "",
    "SERVER_PORT": "80",
    "SERVER_NAME": HOST,
    "HTTP_HOST": HOST,
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64)",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
    "HTTP_CONNECTION": "keep-alive",
    "HTTP_COOKIE": "",
    "HTTP_REFERER": "http://www.example.com/articles/2024/05/",
    "HTTP_CACHE_CONTROL": "max-age=0",
    "HTTP_PRAGMA": "no-cache",
    "HTTP_PRIORITY": "u=0, i",
    "HTTP_DNT": "1",
    "HTTP_SAVE_DATA": "on",
    "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
    "HTTP_SEC_FETCH_DEST": "document",
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_SEC_FETCH_SITE": "same-origin",
    "HTTP_SEC_FETCH_USER": "?1",
    "HTTP_SEC_CH_UA_MOBILE": "?0",
    "HTTP_X_REQUEST_ID": "8f14e45f-ceea-467a-9a36-dedd4bea2543",
    "HTTP_X_REQUESTED_WITH": "XMLHttpRequest",
}

# What a browser does not send; the last is a program.
WITHOUT = [
    "",
    "SEC_CH_UA_MOBILE SAVE_DATA X_REQUESTED_WITH",
    "REFERER PRAGMA CACHE_CONTROL DNT PRIORITY",
    "REFERER SEC_FETCH_DEST SEC_FETCH_MODE SEC_FETCH_SITE SEC_FETCH_USER SEC_CH_UA_MOBILE UPGRADE_INSECURE_REQUESTS ACCEPT_LANGUAGE",
]


def asking(folder):
    """What makes `tidegate bench` ask so, over any protocol: the requests of all visitors as uwsgi packets."""
    file = folder / "visitors"
    file.write_bytes(b"".join(packet(variables(visitor)) for visitor in range(VISITORS)))
    return ["--requests", str(file)]


def variables(visitor):
    query = f"page={visitor + 100}"
    own = {
        "QUERY_STRING": query,
        "REQUEST_URI": f"/?{query}",
        "REMOTE_PORT": str(40_000 + visitor),
        "HTTP_COOKIE": f"session={(visitor + 1) * 0x0123456789ABCDEF0123:032x}",
    }
    without = {f"HTTP_{name}" for name in WITHOUT[visitor % len(WITHOUT)].split()}
    return {name: value for name, value in {**STOCK, **own}.items() if name not in without}


def packet(variables):
    """modifier1, the length, modifier2; then each name and value behind its length."""
    texts = [text.encode() for pair in variables.items() for text in pair]
    block = b"".join(struct.pack("<H", len(text)) + text for text in texts)
    return struct.pack("<BHB", 0, len(block), 0) + block
