"""Prints the licences of the crates that are in the binary: their names, and each text once with those that it is for.

Their authors ask for it of everybody who passes the binary on.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TEXTS = ("licen", "copying", "notice", "unlicense")
# Of the licence that a crate names without its text, where there is a choice: it names no author, and is ours too.
APACHE = Path(__file__).parent / "../../LICENSE-APACHE"


def output(program, *words):
    return subprocess.run([program, *words], stdout=subprocess.PIPE, text=True, check=True).stdout


def cargo(command, *words):
    return output(os.environ.get("CARGO", "cargo"), command, "--locked", *words)


def linked():
    """The crates that are linked, as (name, version): not those that only build or test."""
    lines = cargo("tree", "-p", "tidegate", "-e", "normal", "--prefix", "none", "-f", "{p}").splitlines()
    crates = {tuple(line.split()[:2]) for line in lines}
    return {(name, version.removeprefix("v")) for name, version in crates if name != "tidegate"}


def texts(package):
    """The files with a crate's licences."""
    files = sorted(Path(package["manifest_path"]).parent.iterdir())
    files = [path for path in files if path.is_file() and path.name.lower().startswith(TEXTS)]
    if not files:
        assert "Apache-2.0" in (package["license"] or ""), f"{package['name']}: where is the text of its licence?"
        return [APACHE]
    return files


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
        for path in texts(package):
            users.setdefault(path.read_text(errors="replace").strip(), []).append(name)
    for text, names in users.items():
        print(f"\n{'=' * 80}\n{', '.join(dict.fromkeys(names))}:\n\n{text}")


sys.exit(main())
