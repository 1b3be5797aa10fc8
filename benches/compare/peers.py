"""The servers of Python applications, and how each is started: one process that serves, no log of requests."""

import subprocess
from dataclasses import dataclass

from bench import ROOT, VENV

APPLICATIONS = ROOT / "fixtures" / "python" / "bench"


@dataclass(frozen=True)
class Peer:
    title: str
    package: str  # what pip calls it
    protocol: str
    command: str  # of the virtual environment's bin; {…} is filled in
    threads: str = ""  # what makes it have several, before their number; or it cannot

    def words(self, module, address, threads=0):
        host, _, port = address.rpartition(":")
        words = self.command.split() + (self.threads.split() + [str(threads)] if threads else [])
        values = {"app": f"{module}:application", "address": address, "host": host, "port": port, "venv": VENV, "folder": APPLICATIONS}
        program, *arguments = [word.format(**values) for word in words]
        return [str(VENV / "bin" / program), *arguments]


TIDEGATE = Peer("tidegate", "tidegate", "uwsgi", "tidegate serve {app} --workers 0 --chdir {folder} --uwsgi {address}", "--threads")
UWSGI = Peer(
    "uWSGI",
    "uWSGI",
    "uwsgi",
    "uwsgi --processes 1 --single-interpreter --need-app --disable-logging --virtualenv {venv} --chdir {folder}"
    " --uwsgi-socket {address} --module {app}",
    "--threads",
)
GUNICORN = Peer(
    "gunicorn",
    "gunicorn",
    "uwsgi",
    "gunicorn --protocol uwsgi --workers 1 --no-control-socket --chdir {folder} --bind unix:{address} {app}",
    "--worker-class gthread --threads",
)
LAUNCHER = "python " + str(ROOT / "benches" / "compare" / "launch.py")

# In the order of the tables.
PEERS = [
    TIDEGATE,
    UWSGI,
    GUNICORN,
    Peer("tidegate, HTTP", "tidegate", "http", "tidegate serve {app} --workers 0 --chdir {folder} --http {address}", "--threads"),
    Peer(
        "gunicorn, HTTP",
        "gunicorn",
        "http",
        "gunicorn --workers 1 --no-control-socket --chdir {folder} --bind {address} {app}",
        "--worker-class gthread --threads",
    ),
    Peer(
        "granian, HTTP",
        "granian",
        "http",
        "granian --interface wsgi --http 1 --no-ws --workers 1 --runtime-threads 1 --working-dir {folder} --host {host} --port {port} {app}",
        "--blocking-threads",
    ),
    Peer("bjoern, HTTP", "bjoern", "http", LAUNCHER + " bjoern {folder} {app} {host} {port}"),
    Peer("fastwsgi, HTTP", "fastwsgi", "http", LAUNCHER + " fastwsgi {folder} {app} {host} {port}"),
]

ALSO_WITH_THREADS = [peer for peer in PEERS if peer.title in ("tidegate", "uWSGI", "gunicorn", "gunicorn, HTTP")]


def versions():
    """What is in the virtual environment, by the names of its packages in lower case; nothing where there is none."""
    list_all = "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'].lower(), d.version)"
    try:
        ran = subprocess.run([VENV / "bin" / "python", "-c", list_all], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return dict(line.split() for line in ran.stdout.splitlines())


def python():
    """The version of the virtual environment's; or none."""
    try:
        return subprocess.run([VENV / "bin" / "python", "-V"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def start(bench, peer, module, there, threads=0):
    """Its server, and where that listens."""
    address = bench.unix() if peer.protocol == "uwsgi" else bench.tcp()
    if peer.package.lower() not in there:
        return "not installed (benches/venv.sh says why)", address
    return bench.start(peer.words(module, address, threads), [address]), address
