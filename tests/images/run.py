"""The container files of deploy/, built as they are, and what comes of them run as the manifests say: `make images`, as root.

No test of `make test`: it takes a registry of images or, for stand-ins, half an hour. What is built stays in target/images.
"""

import os
import shutil
import sys

import bases
import checks
from podman import ROOT, build, layers

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
        tell_size(name)
    build(ROOT / "examples/compose/Containerfile", "tidegate-example", ROOT / "examples/django", "--target", "app", *certificates)
    for test in checks.ALL:
        test()
        print(f"images: {test.__name__} ... ok", flush=True)


def tell_size(name):
    ours, base = 0, 0
    is_ours = True
    for size, step in layers(name):
        # Below what the file's last FROM begins with nothing is ours.
        is_ours = is_ours and "FROM" not in step
        ours, base = (ours + size, base) if is_ours else (ours, base + size)
    print(f"images: {name}: {ours / 1e6:.1f} MB of ours on {base / 1e6:.1f} MB", flush=True)


main()
