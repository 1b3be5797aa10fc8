"""What README and docs point at is there: files, headings, and the command's options."""

import re
import subprocess

import pytest

from support.server import ROOT, TIDEGATE

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("examples/**/README.md"))]
pytestmark = pytest.mark.long


def text_of(page):
    return page.read_text(encoding="utf-8")


def prose(page):
    """Without what stands between fences."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """What a link to a heading says, as GitHub makes it."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(there), f"{page.name} links to {link}: its headings are {sorted(anchors(there))}"


def options():
    """All options of all commands, from their help."""
    commands = ["serve", "check", "request", "decode", "top", "nginx", "man", "completions", "bench"]
    helps = [subprocess.run([TIDEGATE, command, "--help"], capture_output=True, text=True, check=True).stdout for command in commands]
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", "".join(helps)))


@pytest.mark.parametrize("page", ["README.md", "docs/faq.md", "docs/prefixes.md", "docs/workers.md", "docs/static.md", "docs/stats.md", "docs/bench.md"])
def test_options_are_the_commands(page):
    """A line that runs another program may have that one's."""
    ours = options()
    lines = [line for line in text_of(ROOT / page).splitlines() if not re.match(r"\s*(?:cargo|python|pip|curl|podman|.*collectstatic)\b", line)]
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", "\n".join(lines)))
    assert named, "the page names no option: it need not be in this list"
    assert named <= ours, f"{page} names options that there are not: {sorted(named - ours)}"
