"""The container files of deploy/, built as they are, and what comes of them run as the manifests say: `make images`, as root.

No test of `make test`: it takes a registry of images or, for stand-ins, half an hour and 15 GB. What is built stays in
target/images.
"""

import os
import re
import shutil
import sys

import bases
import checks
from podman import ROOT, build, size

FILES = {"tidegate": ROOT / "deploy" / "Containerfile", "tidegate-python": ROOT / "deploy" / "Containerfile.python"}


def main():
    missing = [name for name in ("podman", "runc", "debootstrap") if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        sys.exit(
            "It needs root, podman, runc and debootstrap (apt-get install --no-install-recommends podman runc debootstrap)"
            + "".join(f"; no {name} here" for name in missing)
        )
    bases.provide(FILES.values())
    # Those of this machine, which it may need to reach registries of packages.
    certificates = ("--volume", "/etc/ssl/certs:/etc/ssl/certs:ro")
    for name, file in FILES.items():
        build(file, name, ROOT, *certificates)
        tell_size(name, file)
    build(ROOT / "examples/compose/Containerfile", "tidegate-example", ROOT / "examples/django", "--target", "app", *certificates)
    for test in checks.ALL:
        test()
        print(f"images: {test.__name__} ... ok", flush=True)


def tell_size(name, file):
    """What the file adds to the image that its last stage begins with."""
    base = re.findall(r"^FROM (\S+)", file.read_text(), re.MULTILINE)[-1]
    below = 0 if base == "scratch" else size(base)
    print(f"images: {name}: {(size(name) - below) / 1e6:.1f} MB on {base} of {below / 1e6:.1f} MB", flush=True)


main()
