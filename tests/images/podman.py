"""podman, with images of its own in target/images: those of the machine are left alone."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "target" / "images"
# A container's usual bounds are more than some machines let root set.
BOUNDS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")


def podman(*words, **how):
    """Runs it to its end; returns what it has printed, if `capture_output` is said."""
    options = ["--root", PLACE / "store", "--runroot", PLACE / "run", "--storage-driver", "overlay", "--cgroup-manager", "cgroupfs"]
    # Unlike crun it runs with the control groups of version 1 and 2 side by side, too.
    command = ["podman", *options, "--runtime", "runc", *words]
    return subprocess.run([str(word) for word in command], check=how.pop("check", True), text=True, **how)


def said(*words):
    return podman(*words, capture_output=True).stdout.strip()


def build(file, name, folder, *options):
    podman("build", *BOUNDS, "--pull-never", *options, "-f", file, "-t", name, folder)


def has(image):
    return podman("image", "exists", image, check=False).returncode == 0


def size(image):
    """All of its layers, in bytes."""
    return int(said("image", "inspect", "--format", "{{.Size}}", image))


class Container:
    """One that runs, with its ports at free ones of this machine's."""

    def __init__(self, image, *words, options=(), ports=(8080, 9191)):
        published = [word for port in ports for word in ("--publish", f"127.0.0.1::{port}")]
        self.name = said("run", "--detach", *BOUNDS, *published, *options, image, *words)

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        if failed:
            print(self.log())
        podman("rm", "--force", "--time", "0", self.name, stdout=subprocess.DEVNULL)

    def address(self, port):
        return said("port", self.name, str(port))

    def said(self, *words):
        """What a program has printed that ran beside it, inside."""
        return podman("exec", self.name, *words, capture_output=True, check=False).stdout

    def log(self):
        done = podman("logs", self.name, capture_output=True)
        return done.stdout + done.stderr

    def processes(self):
        """Of each its user and its program, as the kernel knows them."""
        return [line.split(None, 1) for line in said("top", self.name, "huser", "comm").splitlines()[1:]]

    def signal(self, name):
        podman("kill", "--signal", name, self.name, stdout=subprocess.DEVNULL)

    def status(self):
        """Its exit status, once it has ended."""
        state = json.loads(said("inspect", "--format", "json", self.name))[0]["State"]
        return None if state["Running"] else state["ExitCode"]
