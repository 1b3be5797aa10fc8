"""The images that the container files begin with: as they are published, or, where no registry is reached, stand-ins that are made
of Debian's packages and of this machine's Rust.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from podman import ROOT, build, has, podman

HERE = Path(__file__).resolve().parent / "stand-ins"
DEBIAN = "localhost/debian-for-stand-ins"


def provide(files):
    """Every image that they begin with is there after it."""
    named = (re.findall(r"(?:^FROM |--from=)(docker\.io/\S+)", file.read_text(), re.MULTILINE) for file in files)
    for name in sorted({name for names in named for name in names}):
        if has(name):
            continue
        is_pulled = podman("pull", "--quiet", name, check=False, capture_output=True).returncode == 0
        print(f"images: {name}: {'pulled' if is_pulled else 'not to be had here, so a stand-in is made'}", flush=True)
        if not is_pulled:
            stand_in(name)


def stand_in(name):
    if "/rust:" in name and "alpine" not in name:
        import_rust(name)
        return
    if not has(DEBIAN):
        import_debian()
    kind = "alpine" if "alpine" in name else "python"
    build(HERE / f"{kind}.containerfile", name, HERE)


def import_debian():
    with tempfile.TemporaryDirectory(prefix="tidegate-images-") as folder:
        subprocess.run(["debootstrap", "--variant=minbase", "trixie", f"{folder}/root"], check=True, stdout=subprocess.DEVNULL)
        import_folders(DEBIAN, [(f"{folder}/root", ["."], "")])


def import_rust(name):
    """The toolchain of this machine's rustup, where the official image has it."""
    toolchain = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    rustup = Path(toolchain).parents[1]
    cargo = subprocess.run(["sh", "-c", "command -v rustup"], check=True, capture_output=True, text=True).stdout.strip()
    toolchains = (rustup, ["settings.toml", f"toolchains/{Path(toolchain).name}"], "usr/local/rustup/")
    import_folders(name, [toolchains, (Path(cargo).parents[1], ["bin"], "usr/local/cargo/")])


def import_folders(name, parts):
    """An image of one layer: of each part what is in a folder, and where it goes."""
    with tempfile.NamedTemporaryFile(prefix="tidegate-images-", suffix=".tar") as archive:
        for folder, names, place in parts:
            command = ["tar", "-rf", archive.name, "-C", folder, "--exclude=share/doc", f"--transform=s,^,{place},S", *names]
            subprocess.run([str(word) for word in command], check=True)
        podman("import", archive.name, name, stdout=subprocess.DEVNULL)
