"""What a process holds, before and after many requests."""

import json
import os
import time

from support.server import Client

# Of each kind, over connections that are kept alive.
COUNT = int(os.environ.get("LEAK_REQUESTS", 100_000))
# Sent at once, so that the client is no brake; fewer than fill a socket's buffers.
BATCH = 50


def stats(server):
    """What its process holds, at the least of some looks: a connection that was answered is closed when the client's end
    has come."""
    return min((look(server) for _ in range(10)), key=lambda held: held["files"])


def look(server):
    """What its process holds now."""
    time.sleep(0.01)
    return json.loads(Client(server, "http").get("/stats").body)


def assert_level(before, after, requests):
    """Beside some noise: not an object for 1,000 requests, nor a block for 500, nor two bytes for each; and no file."""
    grown = {name: after[name] - before[name] for name in ("objects", "blocks", "resident", "files")}
    types = {name: count - before["types"].get(name, count) for name, count in after["types"].items()}
    told = f"after {requests} requests: {grown}, by type { {name: n for name, n in types.items() if n} }"
    print(told)
    assert grown["objects"] < 100 + requests / 1_000, told
    assert grown["blocks"] < 500 + requests / 500, told
    assert grown["files"] == 0, told
    assert grown["resident"] < (1 << 20) + requests * 2, told


def ask(connection, request, response_length, status, count):
    """Sends the request so often, many at a time; each response has that length and that status."""
    for _ in range(count // BATCH):
        connection.sendall(request * BATCH)
        pieces, missing = [], response_length * BATCH
        while missing > 0:
            piece = connection.recv(missing)
            assert piece, f"the connection ended: {pieces[-1:]}"
            pieces.append(piece)
            missing -= len(piece)
        assert b"".join(pieces).count(b"HTTP/1.1 " + status) == BATCH
