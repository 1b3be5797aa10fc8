"""Configurations of the project's own, each served by uWSGI itself and by `tidegate uwsgi`: what differs is meant, and stands in
docs/uwsgi.md."""

import os
import re
import signal
import socket
import stat
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from support.server import TIDEGATE
from support.show_config import UWSGI

pytestmark = pytest.mark.long

SERVERS = {"uwsgi": [str(UWSGI)], "tidegate": [str(TIDEGATE), "uwsgi"]}
DEADLINE_SECONDS = 30

#: What every configuration finds in its folder. NAME is the server's folder, PORT a free port of its own.
APPLICATION = """\
import os, sys
def application(environ, start_response):
    names = ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_METHOD")
    said = [name + "=" + environ.get(name, "-") for name in names]
    said += ["body=" + environ["wsgi.input"].read().decode(), "cwd=" + os.path.basename(os.getcwd())]
    said += ["A=" + os.environ.get("A", "-"), "multi=%d%d" % (environ["wsgi.multithread"], environ["wsgi.multiprocess"])]
    said += ["argv=" + ",".join(sys.argv[1:])]
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-App", "one")])
    return ["\\n".join(said).encode()]
def other(environ, start_response):
    start_response("404 Other", [("Content-Type", "text/plain")])
    return [b"other " + environ["SCRIPT_NAME"].encode() + b" " + environ["PATH_INFO"].encode()]
def make():
    return other
"""

#: Answers how many requests are over.
HOOKED = """\
import uwsgi
count = 0
def after():
    global count
    count += 1
uwsgi.after_req_hook = after
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-App", "one")])
    return [b"%d" % count]
"""

JSON = 'json {"y":"${strftime:%%Y}", "m":"${msg}"}'
HTTP = "http-socket = 127.0.0.1:PORT\nmaster = true\n"
#: A configuration each, with the paths that are asked for.
CONFIGURATIONS = {
    "module": ("module = site1", ["/", "/a/b?c=d"]),
    "module and callable in one": ("module = site1:other", ["/x"]),
    "callable": ("module = site1\ncallable = other", ["/x"]),
    "wsgi": ("wsgi = site1:other", ["/x"]),
    "wsgi-file": ("wsgi-file = site1.py", ["/x"]),
    "file": ("file = site1.py\ncallable = other", ["/"]),
    "absolute wsgi-file": ("wsgi-file = NAME/site1.py", ["/x"]),
    "module goes before file": ("wsgi-file = site1.py\nmodule = site1:other", ["/x"]),
    "package": ("module = package.inner:other", ["/x"]),
    "pythonpath": ("pythonpath = NAME/lib\nmodule = deep:other", ["/x"]),
    "pythonpath by pattern": ("pythonpath = NAME/li*\nmodule = deep:other", ["/x"]),
    "chdir": ("chdir = NAME/lib\nmodule = deep", ["/x"]),
    "env": ("env = A=one two\nmodule = site1", ["/"]),
    "pyargv": ("pyargv = a b\nmodule = site1", ["/"]),
    "import": ("import = early\nmodule = site1", ["/"]),
    "mounts": ("mount = /a=site1:application\nmount = /b=site1:other\nmanage-script-name = true", ["/a/x", "/b/y", "/b", "/ab"]),
    "mount of a file": ("mount = /a=site1.py\nmanage-script-name = true", ["/a/x"]),
    "mount at the root": ("mount = /=site1:other\nmanage-script-name = true", ["/x"]),
    "processes": ("module = site1\nprocesses = 3", ["/"]),
    "workers and a comment": ("module = site1\nworkers = 2 ; two", ["/"]),
    "threads": ("module = site1\nprocesses = 2\nthreads = 3", ["/"]),
    "lazy-apps": ("module = site1\nlazy-apps = true\nprocesses = 2", ["/"]),
    "cheaper": ("module = site1\nprocesses = 4\ncheaper = 1\ncheaper-initial = 1", ["/"]),
    "no application": ("module = nothing_there", ["/"]),
    "unix socket": ("socket = NAME/s.sock\nmodule = site1", ["/"]),
    "chmod-socket": ("socket = NAME/s.sock\nchmod-socket = 664\nmodule = site1", ["/"]),
    "chmod-socket of 1": ("socket = NAME/s.sock\nchmod-socket = 1\nmodule = site1", ["/"]),
    "umask": ("umask = 027\nsocket = NAME/s.sock\nmodule = site1", ["/"]),
    "relative socket": ("chdir = NAME/lib\nsocket = s.sock\nmodule = deep", ["/"]),
    "pidfile": ("pidfile = NAME/pid\nmodule = site1", ["/"]),
    "pidfile before chdir": ("chdir = NAME/lib\npidfile = pid\nmodule = deep", ["/"]),
    "safe-pidfile": ("safe-pidfile = NAME/pid\nmodule = site1", ["/"]),
    "static-map": ("static-map = /s=NAME/files\nmodule = site1", ["/s/a.txt", "/s/none", "/s/b.css", "/s/"]),
    "static-map of nothing yet": ("static-map = /s=NAME/nowhere\nmodule = site1", ["/s/a.txt"]),
    "static-map without a prefix": ("static-map = =NAME/files\nmodule = site1", ["/a.txt", "/none"]),
    "static-map with blanks": ("static-map = /s = NAME/files\nstatic-map = /t =NAME/files\nmodule = site1", ["/s/a.txt", "/t/a.txt", "/t%20/a.txt"]),
    "static-map2": ("static-map2 = /files=NAME\nstatic-map2 = package=NAME\nmodule = site1", ["/files/a.txt", "/a.txt", "/package/inner.py"]),
    "check-static": ("check-static = NAME/files\nmodule = site1", ["/a.txt", "/x"]),
    "logto": ("logto = NAME/log\nmodule = site1", ["/logged"]),
    "log-format": ("logto = NAME/log\nlog-format = %(method)|%(uri)|%(status)|%(proto)\nmodule = site1", ["/logged"]),
    "logdate": ("logto = NAME/log\nlogdate = true\nlog-format = <%(uri)> GET\nmodule = site1", ["/logged"]),
    "logdate's form": ("logto = NAME/log\nlogdate = %%Y\nlogformat-strftime = true\nlog-format = %(ftime) GET|%(uri)\nmodule = site1", ["/logged"]),
    "logdate's form with a question mark": ("logto = NAME/log\nlogdate = %%Y?\nlogformat-strftime = true\nlog-format = %(ftime) GET|%(uri)\nmodule = site1", ["/logged"]),
    "log-encoder": ("logto = NAME/log\nlog-encoder = format <${strftime:%%Y}> ${msg}\nlog-encoder = nl\nlog-format = GET|%(uri)\nmodule = site1", ["/logged"]),
    "log-encoder of JSON": (f'logto = NAME/log\nlog-encoder = {JSON}\nlog-encoder = nl\nlog-format = GET|%(uri)|"x\\y"\nmodule = site1', ["/logged"]),
    "log-req-encoder": (f"req-logger = file:NAME/log\nlog-encoder = prefix X\nlog-req-encoder = {JSON}\nlog-req-encoder = nl\nlog-format = GET|%(uri)\nmodule = site1", ["/logged"]),
    "log-req-encoder without req-logger": ("logto = NAME/log\nlog-req-encoder = prefix X\nlog-format = GET|%(uri)\nmodule = site1", ["/logged"]),
    "disable-logging": ("logto = NAME/log\ndisable-logging = true\nmodule = site1", ["/logged"]),
    "log-4xx": ("logto = NAME/log\ndisable-logging = true\nlog-4xx = true\nmodule = site1:other", ["/logged"]),
    "placeholders and blocks": ("base = NAME\nif-env = HOME\nenv = A=%(base)/%k\nendif =\nmodule = site1", ["/"]),
    "another section": ("ini = :more\n[more]\nmodule = site1:other", ["/x"]),
    "a misspelt option": ("vaccum = true\nmodule = site1", ["/"]),
    "after_req_hook": ("module = hooked", ["/", "/", "/"]),
    "a hook for SIGTERM": ("hook-master-start = unix_signal:15\t# gracefully_kill_them_all\nmodule = site1", ["/"]),
    "plugins": ("plugins = python3,http\nmodule = site1", ["/"]),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_both_serve_the_same(name, tmp_path):
    text, paths = CONFIGURATIONS[name]
    seen = {}
    for server, command in SERVERS.items():
        folder = tmp_path / server / "site"
        site(folder)
        seen[server] = serve(command, folder, text, paths)
    ours, theirs = (str(value).replace(f"/{which}/", "/SERVER/") for which, value in sorted(seen.items()))
    assert ours == theirs


def site(folder):
    for place in ("lib", "files", "package"):
        (folder / place).mkdir(parents=True)
    for path in ("site1.py", "lib/deep.py", "package/inner.py"):
        (folder / path).write_text(APPLICATION)
    (folder / "package/__init__.py").write_text("")
    (folder / "early.py").write_text("import os\nos.environ['A'] = 'early'\n")
    (folder / "hooked.py").write_text(HOOKED)
    (folder / "files/a.txt").write_text("a file\n")
    (folder / "files/b.css").write_text("p {}\n")


def serve(command, folder, text, paths):
    """What is seen of the server: answers, processes, sockets, pidfile, log."""
    # It is kept until the end: bound and not listening, so that the server can have it, and no other program gets it.
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        return served_at(kept.getsockname()[1], command, folder, text, paths)


def served_at(port, command, folder, text, paths):
    head, bracket, rest = text.partition("[")
    text = f"[uwsgi]\n{HTTP}{head}{'' if 'ini =' in text else ''}{bracket}{rest}\n"
    text = text.replace("NAME", str(folder)).replace("PORT", str(port))
    (folder / "app.ini").write_text(text)
    with open(folder / "said", "wb") as said:
        process = subprocess.Popen(
            [*command, "--ini", "app.ini"], cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
    try:
        answers = [ask(port, path, process, folder) for path in paths]
        seen = {"answers": answers, "workers": workers(process.pid, text)}
        for path in (folder / "s.sock", folder / "lib/s.sock"):
            if path.exists():
                seen["socket"] = (path.name, oct(stat.S_IMODE(path.stat().st_mode)), path.stat().st_uid)
        for path in (folder / "pid", folder / "lib/pid"):
            if path.exists():
                seen["pidfile"] = (str(path.relative_to(folder)), int(path.read_text()) == process.pid)
        log = folder / "log"
        if str(log) in text:
            wait_for(log.exists)
            lines = wait_for(lambda: logged(log) if "disable-logging" not in text or "4xx" in text else [None])
            seen["logged"] = [] if lines == [None] else lines
            if lines == [None]:
                assert logged(log) == []
        return seen
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(port, path, process, folder):
    """The status, a few fields and the body."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE_SECONDS) as response:
                return response.status, response.headers.get("X-App"), response.headers.get_content_type(), response.read()
        except urllib.error.HTTPError as error:
            body = error.read()
            # Each has words of its own for what it answers itself.
            return error.code, body if body.startswith(b"other") else None
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, (folder / "said").read_text()
            time.sleep(0.02)


def workers(master, text):
    """How many processes the master has."""
    children = Path(f"/proc/{master}/task/{master}/children")
    want = int((re.findall(r"^(?:processes|workers) = (\d+)", text, re.M) or ["1"])[-1])
    want = 1 if "cheaper" in text else want
    wait_for(lambda: len(children.read_text().split()) == want)
    return len(children.read_text().split())


def logged(log):
    """The fields of requests' lines that are the same each time; uWSGI counts 12 variables more, and we send Date."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if "/logged" in line]
    if any("GET|" in line or "> GET" in line for line in lines):
        return lines
    return [re.findall(r"GET\|?[^ ]*|HTTP/1.1[ |]*\d*|generated \d+ bytes", line) for line in lines]


def wait_for(see):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (seen := see()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return seen
