"""Reads each configuration of a folder by uWSGI and by `tidegate uwsgi`, and tells where they differ.

.venv/bin/python -B tests/uwsgi_language.py FOLDER [UWSGI] [TIDEGATE]: .ini, .yml, .xml and .json files, and shell scripts that
start uwsgi. tests/python/uwsgi does the same with configurations that are made up.
"""

import difflib
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "python"))

from support.show_config import UWSGI, command_line, harmless, shown, without  # noqa: E402

FORMATS = {".ini": "--ini", ".yml": "--yaml", ".yaml": "--yaml", ".xml": "--xml", ".json": "--json"}


def words_of(source, folder):
    """The arguments that read a configuration, which is copied to where it is read."""
    text = source.read_text(errors="surrogateescape")
    if source.suffix == ".sh":
        return without(command_line(text))
    copy = folder / f"app{source.suffix}"
    copy.write_text(harmless(text), errors="surrogateescape")
    return [FORMATS[source.suffix], copy.name]


def main(folder, uwsgi=UWSGI, tidegate=Path(sys.executable).with_name("tidegate")):
    """Tells of each that differs; the exit status is 1 if any does."""
    same = refused = differ = 0
    for source in sorted(Path(folder).iterdir()):
        if source.suffix not in {*FORMATS, ".sh"}:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            words = words_of(source, Path(scratch))
            theirs, ours = shown([uwsgi], words, scratch, {}), shown([tidegate, "uwsgi"], words, scratch, {})
        if theirs == ours:
            same += 1
            continue
        if isinstance(theirs, str) and isinstance(ours, str):
            refused += 1
        else:
            differ += 1
        print(f"{source.name}: {' '.join(words)}")
        if isinstance(theirs, str) or isinstance(ours, str):
            print(f"  uwsgi:    {theirs}\n  tidegate: {ours}")
        else:
            print("\n".join("  " + line for line in difflib.unified_diff(theirs, ours, "uwsgi", "tidegate", n=0, lineterm="")))
    print(f"{same} are read alike, {refused} are refused by both, {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
