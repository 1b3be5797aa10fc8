"""The units of deploy/ under a real systemd, as Debian's package brings them, with what docs/deploy.md says of them:
`make systemd`, as root.

No test of `make test`: not every machine lets a process be the first of a container.
"""

import os
import shutil
import sys

import drain
import moved
import one
import package
import sites
import venv
from container import Container


def main():
    missing = [name for name in ("systemd-nspawn", "nsenter") if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        sys.exit(
            "It needs root, systemd-nspawn and nsenter (apt-get install systemd-container dbus util-linux)"
            + "".join(f"; no {name} here" for name in missing)
        )
    deb, wheel = package.built(), venv.wheel()
    with Container() as container:
        debs = package.Package(container, deb)
        run(package.is_installed_and_waits, debs)
        parts = (one.tests(container), drain.tests(container), venv.tests(container, wheel), sites.tests(container))
        for tests in (*parts, moved.tests(container)):
            for test, *of in tests:
                run(test, *of)
        for test in (package.is_upgraded_under_load, package.is_removed, package.is_purged):
            run(test, debs)


def run(test, *of):
    test(*of)
    print(f"systemd: {test.__name__} ... ok", flush=True)


main()
