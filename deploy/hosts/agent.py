#!/usr/bin/env python3
"""Answers HAProxy's agent-check for the Tidegate beside it: agent.py 10.0.0.11:9192 http://10.0.0.11:9191

What part of the threads is idle is the host's weight, in percent; one that is not ready is to be drained. docs/scale.md
tells what it is worth, and tests/hosts runs it as it is. It wants nothing but Python.
"""

import re
import socketserver
import sys
import urllib.error
import urllib.request

THREADS = re.compile(r'^tidegate_threads\{worker="\d+",state="(\w+)"\} (\d+)$', re.MULTILINE)
# Seconds; HAProxy waits no longer than its `timeout check`.
PATIENCE = 1


def word(stats):
    """What HAProxy is told of the server whose --stats are at this URL."""
    try:
        with urllib.request.urlopen(f"{stats}/ready", timeout=PATIENCE):
            pass
        with urllib.request.urlopen(f"{stats}/metrics", timeout=PATIENCE) as reply:
            threads = [(state, int(count)) for state, count in THREADS.findall(reply.read().decode())]
    except (OSError, urllib.error.URLError):
        return "drain"
    idle = sum(count for state, count in threads if state == "idle")
    # Not 0, which would be a drain too: where all hosts are full, each still has its part.
    return f"ready {max(1, 100 * idle // max(1, sum(count for _, count in threads)))}%"


class Agent(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(f"{word(self.server.stats)}\n".encode())


def main(address, stats):
    host, port = address.rsplit(":", 1)
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer((host, int(port)), Agent) as server:
        server.stats = stats
        server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: agent.py ADDRESS:PORT URL-OF-STATS, as in: agent.py 10.0.0.11:9192 http://10.0.0.11:9191")
    main(*sys.argv[1:])
