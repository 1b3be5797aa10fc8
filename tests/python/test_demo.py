"""The demo's commands for a Python application of one's own, as they stand on its page."""

import html
import re
import subprocess

from support.server import ROOT, Client


def test_an_application_is_made_as_the_page_says(start, tmp_path):
    """But for the virtual environment, which is the one that runs the tests, and the port."""
    demo = Client(start("demo"), "http")
    page = demo.ask("GET", "/", [("Accept", "text/html")]).body.decode()
    (block,) = re.findall(r'<h3>Python</h3>.*?<pre class="card copy">(.*?)</pre>', page, re.DOTALL)
    install, *make, serve = html.unescape(block).strip().split("\n")
    assert install == "python3 -m venv .venv && . .venv/bin/activate && pip install ."
    assert "    pip install .\n" in (ROOT / "README.md").read_text()
    subprocess.run(["sh", "-ec", "\n".join(make) + "\n"], cwd=tmp_path, check=True)
    words = serve.split()
    assert words[:2] == ["tidegate", "serve"] and words[3:] == ["--http", "127.0.0.1:8081"]
    own = Client(start(words[2], "--http", "127.0.0.1:0", listeners=[]), "http")
    assert own.get("/").body == b"Hello from Python\n"
