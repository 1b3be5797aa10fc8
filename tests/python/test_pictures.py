"""The pictures of README and docs say what the program says today: what they show is run again, and compared."""

import re
import sys

import pytest

from support.server import ROOT, TIDEGATE

PICTURES = ROOT / "docs" / "pictures"
sys.path.insert(0, str(PICTURES))

import chart  # noqa: E402
import runs  # noqa: E402
import terminal  # noqa: E402

pytestmark = pytest.mark.long
AGAIN = "run make pictures"


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """The command that is tested, wherever it is."""
    monkeypatch.setattr(runs, "TIDEGATE", TIDEGATE)


def words(text):
    """Without blanks, as a terminal may break a line anywhere; each number, with its unit, is the same as any other."""
    text = re.sub(r"\b0x[0-9a-f]+|\d[\d.:,]*(?: ?(?:ms|s|m|h|B|KiB|MiB|%)\b)?|(?<= )-(?= |$)", "0", text, flags=re.MULTILINE)
    return re.sub(r"\s|0%", lambda found: found[0].strip()[:1], text)


def shown(name):
    return words("".join(terminal.text_of((PICTURES / name).read_text(encoding="utf-8"))))


def assert_shows(name, lines):
    assert lines
    picture = shown(name)
    for line in lines:
        assert words(line) in picture, f"docs/pictures/{name} has no {line!r}: {AGAIN}"


def test_the_trace():
    lines = runs.trace().splitlines()
    assert_shows("trace.svg", lines)
    assert len(lines) == len(terminal.text_of((PICTURES / "trace.svg").read_text(encoding="utf-8"))), AGAIN


def test_the_timeout():
    """The frames of Python's own modules are not ours to tell of."""
    lines = [line for line in runs.timeout().splitlines() if not line.startswith("  File") or "/srv/shop/shop.py" in line]
    assert sum("in monthly_sales" in line for line in lines) == 2
    # As the date and the day of the week are others.
    assert_shows("timeout.svg", [line for line in lines if not line.startswith("Date: ")])


def test_top():
    lines = runs.top().splitlines()
    (heading,) = [at for at, line in enumerate(lines) if line.split()[:1] == ["WORKER"]]
    assert_shows("top.svg", lines[: heading + 1])


def test_the_charts():
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    for name, svg in chart.pictures(page):
        assert svg == (PICTURES / name).read_text(encoding="utf-8"), f"docs/pictures/{name}: {AGAIN}"


def test_every_picture_is_shown_and_small():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    for picture in PICTURES.glob("*.svg"):
        assert re.search(rf"!\[[^\]]{{20,}}\]\((?:docs/)?pictures/{picture.name}\)", text), f"{picture.name} is in no page, with words for it"
        assert picture.stat().st_size < 40 << 10
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|<script|@import|url\(", picture.read_text(encoding="utf-8")), "it asks for something"
