"""Prints the licences of the crates that are in the binary: their names, and each text once with those that it is for.

Their authors ask for it of everybody who passes the binary on.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TEXTS = ("licen", "copying", "notice", "unlicense")


def output(program, *words):
    return subprocess.run([program, *words], stdout=subprocess.PIPE, text=True, check=True).stdout


def cargo(command, *words):
    return output(os.environ.get("CARGO", "cargo"), command, "--locked", *words)


def linked():
    """The crates that are linked, as (name, version): not those that only build or test."""
    lines = cargo("tree", "-p", "tidegate", "-e", "normal", "--prefix", "none", "-f", "{p}").splitlines()
    crates = {tuple(line.split()[:2]) for line in lines}
    return {(name, version.removeprefix("v")) for name, version in crates if name != "tidegate"}


def main():
    wanted = linked()
    # Of other platforms' crates nothing is asked: they would be fetched for it.
    host = next(line.split()[1] for line in output("rustc", "-vV").splitlines() if line.startswith("host: "))
    metadata = cargo("metadata", "--format-version", "1", "--filter-platform", host)
    packages = json.loads(metadata)["packages"]
    packages = [package for package in packages if (package["name"], package["version"]) in wanted]
    assert len(packages) == len(wanted), "cargo tree and cargo metadata tell of other crates"
    packages.sort(key=lambda package: package["name"])
    users = {}
    for package in packages:
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license'] or 'see its text'}; {package['repository'] or 'crates.io'}")
        for path in sorted(Path(package["manifest_path"]).parent.iterdir()):
            if path.is_file() and path.name.lower().startswith(TEXTS):
                users.setdefault(path.read_text(errors="replace").strip(), []).append(name)
    for text, names in users.items():
        print(f"\n{'=' * 80}\n{', '.join(dict.fromkeys(names))}:\n\n{text}")


sys.exit(main())
