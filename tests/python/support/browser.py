"""A browser: Debian's chromium, without a window, led over a pipe (the DevTools protocol)."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.waiting import PATIENCE, eventually

OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-proxy-server --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --disable-default-apps --disable-extensions "
    "--disable-breakpad --remote-debugging-pipe"
).split()


class Browser:
    """A chromium that is nobody's: it lives in a folder that ends with it, and asks nobody but us."""

    def __init__(self):
        # It makes a socket there, whose path must be short.
        self.home = home = Path(tempfile.mkdtemp(prefix="tide"))
        chromium = shutil.which("chromium")
        assert chromium, "chromium is missing: run make setup as root (tests/setup.sh), or apt-get install chromium"
        pipes = os.pipe(), os.pipe()
        # High numbers: none of them is 3 or 4, where it reads its orders and answers.
        hear, self.writer, self.reader, say = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 100) for pipe in pipes for end in pipe)
        for end in (*pipes[0], *pipes[1]):
            os.close(end)
        begin = f"import os, sys; os.dup2({hear}, 3); os.dup2({say}, 4); os.execv(sys.argv[1], sys.argv[1:])"
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                begin,
                chromium,
                *OPTIONS,
                f"--user-data-dir={home / 'profile'}",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
            env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(hear, say),
        )
        for descriptor in (hear, say):
            os.close(descriptor)
        self.number = 0
        self.rest = b""
        self.session = None

    def order(self, method, **parameters):
        """Gives an order, and returns what comes of it."""
        self.number += 1
        order = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.writer, json.dumps(order).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            message = json.loads(self._message(deadline, method))
            if message.get("id") == self.number:
                assert "error" not in message or "navigated" in str(message), message
                return message.get("result", {})

    def _message(self, deadline, method):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.reader], [], [], max(0, deadline - time.monotonic()))
            got = os.read(self.reader, 1 << 20) if ready else b""
            assert got, f"chromium does not answer {method}"
            self.rest += got
        message, self.rest = self.rest.split(b"\0", 1)
        return message

    def open(self, url):
        """Opens a page in a tab of its own."""
        target = self.order("Target.createTarget", url=url)["targetId"]
        self.session = self.order("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.order("Page.enable")
        return self

    def value(self, expression):
        """What JavaScript says in the page; None while there is none, as when it reloads meanwhile."""
        return self.order("Runtime.evaluate", expression=expression).get("result", {}).get("value")

    def shows(self, words):
        """Waits until the page has these words."""
        eventually(f"{words!r} in the page", lambda: words in (self.value("document.body && document.body.innerText") or ""))

    def picture(self, path, scheme):
        """Writes a picture of the page, in "light" or "dark", as PNG."""
        self.order("Emulation.setDeviceMetricsOverride", width=1100, height=900, deviceScaleFactor=1, mobile=False)
        self.order("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        path.write_bytes(base64.b64decode(self.order("Page.captureScreenshot")["data"]))

    def close(self):
        """Ends it."""
        os.close(self.writer)
        self.process.kill()
        self.process.wait()
        os.close(self.reader)
        # Its children may still write there.
        shutil.rmtree(self.home, ignore_errors=True)
