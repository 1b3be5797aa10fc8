"""Three hosts, a proxy before them, and a machine that the load comes from."""

import tempfile
from pathlib import Path

from host import Host, eventually
from load import Load
from network import Network
import proxy


class Scene:
    def __init__(self, way, quick):
        self.way, self.quick = way, quick
        self.temporary = tempfile.TemporaryDirectory(prefix="tidegate-hosts-")
        self.folder = Path(self.temporary.name)
        self.network = Network()
        self.hosts, self.proxy = [], None

    def __enter__(self):
        try:
            self.source = self.network.add("load", 1)
            self.before = self.network.add("proxy", 2)
            for number in (11, 12, 13):
                self.add_host(number).start()
            self.proxy = proxy.started(self.before, self.way, self.folder)
            self.settle()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for host in self.hosts:
            host.kill()
        if self.proxy:
            self.proxy.close()
        self.network.close()
        self.temporary.cleanup()

    def add_host(self, number):
        host = Host(self.network.add(f"app{number}", number), f"app{number}", self.folder)
        self.hosts.append(host)
        return host

    def load(self, **how):
        return Load(self.source, self.before.address, **how)

    def settle(self):
        """Waits until each host is asked again: what one case has done to them is over for the next."""
        before = self.answered()
        load = self.load(rate=100)
        eventually("each host is asked", lambda: not load.runs() or all(now > then for now, then in zip(self.answered(), before)))
        load.end()

    def seconds(self, time):
        """The time that a case gives something, or less of it."""
        return time / 2 if self.quick else time

    def tell(self):
        """What all have said, for a case that has failed."""
        for path in sorted(self.folder.glob("*.log")):
            print(f"--- {path.name}", *path.read_text(errors="replace").splitlines()[-6:], sep="\n    ")
        if self.proxy and (complaints := self.proxy.complaints()):
            print("--- what was not answered", *complaints[-40:], sep="\n    ")

    def answered(self):
        return [host.answered() for host in self.hosts]

    def shares(self, seconds_of):
        """What part of the requests each host answers while `seconds_of` runs."""
        before = self.answered()
        seconds_of()
        counts = [now - then for now, then in zip(self.answered(), before)]
        return [count / max(1, sum(counts)) for count in counts]
