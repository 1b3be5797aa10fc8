#!/usr/bin/env python3
"""Serves configurations that others have published, and asks them.

    tests/uwsgi/public.py FOLDER [PATTERN]    as root, on Linux; FOLDER has *.ini, *.yml, *.xml, and *.sh with a command line

Each runs alone, in a copy of the machine's own root (an overlay, gone afterwards) and a network of its own, so that the files
stay as they are: whatever folder, user, port or module they name is made there. The modules are stubs. Of each it is held that
--check and --convert say something of every line, that it answers on each of its sockets, and that SIGTERM ends it. What is
refused is served once more with --ignore, and told.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TIDEGATE = Path(__file__).resolve().parents[2] / ".venv/bin/tidegate"
PYTHON = "python%d.%d" % sys.version_info[:2]
#: Where each is started.
HERE = Path("/srv/here")
#: What the files expect of their environment. All other variables that they name are 2.
VARIABLES = {
    "PORT": "8100",
    "NLMAPSWEB_PORT": "8101",
    "ASSETS": "/srv/assets",
    "DJANGO_DIR": "/srv/django",
    "SERVICE_VARIANT": "lms",
    "DD_UWSGI_MODE": "socket",
    "DD_UWSGI_ENDPOINT": "0.0.0.0:3031",
    "VIRTUAL_ENV": "/srv/venv",
}
#: The program's name, and what a shell may write for it.
COMMAND = re.compile(r"^(\S*/)?uwsgi$")
DEADLINE_SECONDS = 30


def main() -> int:
    if sys.argv[1] == "--one":
        print(json.dumps(one(Path(sys.argv[2]))))
        return 0
    folder, pattern = Path(sys.argv[1]).resolve(), (sys.argv[2:] or ["*"])[0]
    files = [path for path in sorted(folder.iterdir()) if path.suffix in {".ini", ".yml", ".xml", ".sh"}]
    files = [path for path in files if fnmatch.fnmatch(path.name, pattern)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(alone, files))
    for result in results:
        print(f"{result['file']:60} {result['outcome']:10} {result.get('why', '')}")
    count = {outcome: sum(r["outcome"] == outcome for r in results) for outcome in OUTCOMES}
    print(f"\n{len(results)} configurations: " + ", ".join(f"{number} {what}" for what, number in count.items() if number))
    return int(count["failed"] > 0)


#: served as it stands; served once what is refused is ignored; names no Python application; none of these.
OUTCOMES = ["served", "ignoring", "no app", "failed"]


def alone(path: Path) -> dict:
    """Runs this script for one file, in namespaces of its own."""
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", sys.executable, __file__, "--one", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    try:
        return {"file": path.name, **json.loads(run.stdout.splitlines()[-1])}
    except (IndexError, ValueError):
        return {"file": path.name, "outcome": "failed", "why": (run.stderr or run.stdout)[-400:]}


def one(path: Path) -> dict:
    """What becomes of the file, in a root of its own."""
    text = path.read_text()
    enter_root()
    variables = environment(text)
    arguments = arguments_of(path, text, variables)
    site = Site(variables)
    read = site.tidegate([*arguments, "--show-config"])
    for _ in range(3):
        # A file that another one includes.
        missing = re.search(r"cannot read (/\S+\.ini):", read.stderr) if read.returncode else None
        if missing is None:
            break
        make_file(Path(missing[1]), "[uwsgi]\n")
        read = site.tidegate([*arguments, "--show-config"])
    if read.returncode:
        return {"outcome": "failed", "why": read.stderr.strip()[-300:]}
    directives = [line.partition(" = ")[::2] for line in read.stderr.splitlines() if " = " in line]
    directives = [(name, value) for name, value in directives if name != "show-config"]
    site.make(directives)
    if not {"socket", "uwsgi-socket", "http-socket", "http", "fastcgi-socket", "http11-socket"} & {name for name, _ in directives}:
        # Its image or its emperor names one.
        arguments += ["--http-socket", "127.0.0.1:8099"]
    checked = site.tidegate([*arguments, "--check"])
    check = checked.stdout
    if not check:
        return {"outcome": "failed", "why": f"--check: {checked.stderr[-300:]}"}
    silent = [name for name, _ in directives if name not in check]
    if silent:
        return {"outcome": "failed", "why": f"--check says nothing of {silent}"}
    names = {name for name, _ in directives}
    if not names & {"module", "wsgi", "wsgi-file", "file", "mount", "paste"}:
        return {"outcome": "no app", "why": ", ".join(sorted(names & {"emperor", "psgi"})) or "its image names one"}
    refused = sorted(set(re.findall(r"^[^:\n]*:\d+: ([\w-]+)(?: = .*)?  not here: ", check, re.MULTILINE)))
    refused += re.findall(r"^command line: ([\w-]+)(?: = .*)?  not here: ", check, re.MULTILINE)
    if not refused:
        why = site.serve(arguments)
        return {"outcome": "failed" if why else "served", "why": why}
    why = site.serve([*arguments, *(word for name in refused for word in ("--ignore", name))])
    return {"outcome": "failed" if why else "ignoring", "why": why or ", ".join(refused)}


def enter_root() -> None:
    """Makes the root a copy of the machine's, whose changes are in memory."""
    base = Path("/mnt")
    steps = [
        ["mount", "--make-rprivate", "/"],
        ["mount", "-t", "tmpfs", "tmpfs", str(base)],
        ["mkdir", f"{base}/upper", f"{base}/work", f"{base}/root"],
        ["mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={base}/upper,workdir={base}/work", f"{base}/root"],
        ["mount", "--rbind", "/dev", f"{base}/root/dev"],
        ["mount", "-t", "proc", "proc", f"{base}/root/proc"],
        ["ip", "link", "set", "lo", "up"],
    ]
    for step in steps:
        subprocess.run(step, check=True, capture_output=True)
    os.chroot(f"{base}/root")
    # An interpreter in root's home is to be read by all.
    os.chmod("/root", 0o755)
    os.chmod("/tmp", 0o1777)
    HERE.mkdir(parents=True)
    os.chdir(HERE)
    with open("/etc/hosts", "a", encoding="ascii") as hosts:
        hosts.write("127.0.0.1 host.docker.internal\n")


def environment(text: str) -> dict[str, str]:
    named = set(re.findall(r"\$[({](\w+)", text))
    own = {name: VARIABLES.get(name, "2") for name in named if name not in os.environ}
    return {**os.environ, **own}


def arguments_of(path: Path, text: str, variables: dict[str, str]) -> list[str]:
    """The arguments by which its owner starts it. A template is filled in, in a copy."""
    if path.suffix == ".sh":
        text = text.replace("\\\n", " ")
        expanded = re.sub(r"\$\{(\w+)(?::-(\w+))?\}", lambda match: match[2] or variables[match[1]], text)
        expanded = fill(expanded.replace("%(here)s", str(HERE)))
        words = shlex.split(expanded, comments=True)
        at = next(at for at, word in enumerate(words) if COMMAND.match(word))
        return words[at + 1 :]
    if "{{" in text or "{%" in text or "%(here)s" in text:
        path = HERE / path.name
        path.write_text(fill(text))
    section = re.findall(r"^\[(.+)\]", text, re.MULTILINE)
    if section and "uwsgi" not in section:
        return ["--ini", f"{path}:{section[0]}"]
    return [{".ini": "--ini", ".yml": "--yaml", ".xml": "--xml"}[path.suffix], str(path)]


def fill(text: str) -> str:
    """What templates leave open: numbers, addresses and names."""
    text = re.sub(r"^\{%.*%\}\n", "", text, flags=re.MULTILINE)

    def value(match: re.Match[str]) -> str:
        name = match[1].lower()
        kinds = {"group": "www-data", "guid": "www-data", "gid": "www-data", "uid": "www-data", "owner": "www-data"}
        kinds |= {"thread": "2", "process": "2", "port": "8102", "address": "0.0.0.0", "socket": "/run/site.sock"}
        kinds |= {"pid": "/run/site.pid", "venv": "/srv/venv", "file": "/srv/here/shop.py", "path": "/srv/here/shop.py"}
        return next((kinds[kind] for kind in kinds if kind in name), "shop")

    return re.sub(r"\{\{(.*?)\}\}", value, text)


class Site:
    """What a configuration finds on its machine, and the command there."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables

    def tidegate(self, arguments: list[str], seconds: float = DEADLINE_SECONDS) -> subprocess.CompletedProcess[str]:
        """Runs it to its end, or for so long."""
        process = self.start(arguments, subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=DEADLINE_SECONDS)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(self, arguments: list[str], output: object) -> subprocess.Popen[str]:
        command = [str(TIDEGATE), "uwsgi", *arguments]
        return subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, text=True, env=self.variables, cwd=HERE
        )

    def make(self, directives: list[tuple[str, str]]) -> None:
        """Users, folders, environments, programs and modules, as the configuration names them."""
        last = dict(directives)
        root = HERE / last.get("chdir", ".").split(" ")[0]
        root.mkdir(parents=True, exist_ok=True)
        callable_name = last.get("callable", "application")
        homes = [root / v for n, v in directives if n in {"home", "virtualenv", "venv", "pyhome"}]
        for home in homes:
            make_environment(home)
        for name, value in directives:
            value = value.strip()
            if name in {"module", "wsgi"}:
                module, _, attribute = value.partition(":")
                make_module(root, module, attribute.split(" ")[0] or callable_name)
            elif name in {"wsgi-file", "file"}:
                make_file(root / value, stub(callable_name))
            elif name in {"import", "shared-import"}:
                make_module(root, value, "application")
            elif name == "mount":
                app = value.partition("=")[2]
                if ":" in app:
                    make_module(root, *app.split(":", 1))
                elif app:
                    make_file(root / app, stub(callable_name))
            elif name in {"static-map", "check-static"}:
                place = root / value.partition("=")[2].strip()
                make_file(place, "") if place.suffix else place.mkdir(parents=True, exist_ok=True)
            elif name in {"uid", "gid", "chown-socket", "chown"}:
                for part in value.split(":"):
                    make_user(part)
            elif name in {"pythonpath", "python-path", "pp"} and "*" not in value and not (root / value).exists():
                (root / value).mkdir(parents=True)
            elif name in FOLDERS:
                for base in (HERE, root):
                    place = base / re.sub(r"^.*file:", "", value)
                    if "/" in value and ":" not in str(place):
                        place.parent.mkdir(parents=True, exist_ok=True)
                        os.chmod(place.parent, 0o777)
            elif name == "attach-daemon":
                for word in ("redis-server", "celery", "daphne"):
                    make_file(Path("/usr/local/bin") / word, "#!/bin/sh\nexec sleep 1000\n")
                    os.chmod(Path("/usr/local/bin") / word, 0o755)

    def serve(self, arguments: list[str]) -> str | None:
        """Serves, asks each socket, stops. Says what went wrong."""
        convert = self.tidegate([*arguments, "--convert"])
        if convert.returncode:
            return f"--convert: {convert.stderr[-300:]}"
        settings = tomllib.loads(convert.stdout)
        with open("/mnt/log", "w+", encoding="utf-8") as log:
            process = self.start(arguments, log)
            try:
                return self.ask_all(settings, process) or self.stop(settings, process)
            finally:
                process.kill()
                log.seek(0)
                self.log = log.read()

    def ask_all(self, settings: dict, process: subprocess.Popen[str]) -> str | None:
        folder = HERE / settings.get("chdir", ".")
        prefixes = [""] if "app" in settings else [mount.split("=")[0] for mount in settings["mount"]]
        for protocol in ("uwsgi", "http", "fastcgi", "scgi"):
            for address in settings.get(protocol, []):
                # The same port on the machine's own side.
                target = re.sub(r"^(0\.0\.0\.0|\[::\]):", "127.0.0.1:", address)
                target = re.sub(r"^unix:(?=[^/@])", f"unix:{folder}/", target)
                for prefix in prefixes:
                    said = ask(protocol, target, f"{prefix}/x", process)
                    if said != "stub\n":
                        log = Path("/mnt/log").read_text(encoding="utf-8", errors="replace")
                        return f"{protocol} {address}: {said!r}; log: {log[-500:]}"
        return None

    def stop(self, settings: dict, process: subprocess.Popen[str]) -> str | None:
        number = process.pid
        if settings.get("daemonize"):
            number = int(Path(HERE / settings["pidfile"]).read_text()) if "pidfile" in settings else 0
        if number:
            os.kill(number, signal.SIGTERM)
        if number == process.pid and process.wait(timeout=DEADLINE_SECONDS) != 0:
            return f"its status is {process.returncode}"
        return None


FOLDERS = {
    "socket", "uwsgi-socket", "http-socket", "http", "stats", "pidfile", "safe-pidfile", "logto", "logto2", "daemonize",
    "logger", "req-logger", "touch-reload", "master-fifo", "spooler", "log-backupname",
}  # fmt: skip


def ask(protocol: str, target: str, path: str, process: subprocess.Popen[str]) -> str:
    deadline, said = time.monotonic() + DEADLINE_SECONDS, ""
    while time.monotonic() < deadline:
        flags = [] if protocol == "uwsgi" else [f"--{protocol}"]
        run = subprocess.run([TIDEGATE, "request", *flags, target, path], capture_output=True, text=True, check=False, timeout=60)
        if run.returncode == 0:
            return run.stdout
        said = run.stderr
        if process.poll() not in (None, 0):
            return f"ended with {process.returncode}"
        time.sleep(0.05)
    return said


def make_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(text)


def make_module(root: Path, module: str, attribute: str) -> None:
    *packages, name = module.split(".")
    folder = root
    for package in packages:
        folder /= package
        make_file(folder / "__init__.py", "")
    make_file(folder / f"{name}.py", stub(attribute))


def stub(attribute: str) -> str:
    """A module whose application says `stub`."""
    application = (
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '5')])\n"
        "    return [b'stub\\n']\n"
    )
    name = attribute.removesuffix("()")
    if attribute.endswith("()"):
        return f"{application}def {name}():\n    return application\n"
    return f"{application}{name} = application\n"


def make_environment(home: Path) -> None:
    """A virtual environment of this Python, without anything in it."""
    if (home / "pyvenv.cfg").exists():
        return
    (home / f"lib/{PYTHON}/site-packages").mkdir(parents=True, exist_ok=True)
    (home / "bin").mkdir(exist_ok=True)
    executable = os.path.realpath(sys.executable)
    make_file(home / "pyvenv.cfg", f"home = {os.path.dirname(executable)}\nversion = {sys.version.split()[0]}\n")
    for name in ("python", "python3"):
        if not (home / "bin" / name).exists():
            (home / "bin" / name).symlink_to(executable)


def make_user(name: str) -> None:
    if name.isdigit() or not name:
        return
    users, groups = Path("/etc/passwd"), Path("/etc/group")
    number = 2000 + sum(map(ord, name))
    for path, line in ((users, f"{name}:x:{number}:{number}::/:/bin/sh\n"), (groups, f"{name}:x:{number}:\n")):
        if f"{name}:" not in [entry.split(":")[0] + ":" for entry in path.read_text().splitlines()]:
            with path.open("a") as file:
                file.write(line)


if __name__ == "__main__":
    sys.exit(main())
