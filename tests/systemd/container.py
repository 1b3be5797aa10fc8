"""A systemd that has just come up, in a container (systemd-nspawn) whose files are those of this machine with a layer above
them that goes away at the end.
"""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30


class Container:
    """A systemd that has just come up."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-systemd-"))
        self.root = self.folder / "root"
        for name in ("root", "above", "work"):
            (self.folder / name).mkdir()
        layers = f"lowerdir=/,upperdir={self.folder}/above,workdir={self.folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root], check=True)
        self.log = open(self.folder / "log", "w+")
        # Of what is installed on this machine no service is started but what systemd itself needs.
        command = ["systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        command += ["-D", self.root, "/lib/systemd/systemd", "systemd.unit=basic.target"]
        self.nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            eventually("systemd", self.is_up)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, failed=True, *_):
        self.nspawn.send_signal(signal.SIGTERM)
        try:
            self.nspawn.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        if failed:
            self.log.seek(0)
            print(self.log.read(), end="")
        subprocess.run(["umount", "--lazy", self.root], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_up(self):
        assert self.nspawn.poll() is None, "systemd-nspawn has ended"
        children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        self.first = children[-1] if children else None
        return self.first and self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def changed(self):
        """The files that are other than on this machine or are gone, and new folders; but for what is mounted in it."""
        above = self.folder / "above"
        names = ((f"/{path.relative_to(above)}", path.is_dir()) for path in above.rglob("*"))
        return {name for name, is_folder in names if not (is_folder and Path(name).is_dir())}

    def run(self, *command):
        enter = ["nsenter", "--target", self.first, "--all"]
        return subprocess.run([*enter, *command], capture_output=True, text=True, timeout=2 * PATIENCE)

    def systemctl(self, *words):
        done = self.run("systemctl", *words)
        assert done.returncode == 0, f"systemctl {words}: {done.stderr}"

    def install(self, file, place):
        self.write(place, file.read_bytes())
        self.run("chmod", f"{file.stat().st_mode & 0o777:o}", place)

    def write(self, place, content):
        """Through the container's own eyes: what it has mounted is not to be seen from outside."""
        content = content if isinstance(content, bytes) else content.encode()
        script = 'mkdir -p "$(dirname "$0")" && cat >"$0"'
        enter = ["nsenter", "--target", self.first, "--all", "sh", "-c", script, place]
        subprocess.run(enter, input=content, check=True)


def eventually(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"in {PATIENCE} s it never came to this: {what}"
        time.sleep(0.05)
