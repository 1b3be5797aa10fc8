"""The measured comparison as bars: what the table of docs/performance.md says, and nothing else."""

import re
from xml.sax.saxutils import escape

HEADING = "## Python applications"
SERVER, COST = "application: server", "server CPU per request, µs"
PANELS = {"hello": "A hello", "Django view": "A Django view"}
WIDTH, LABEL, BAR, STEP = 760, 150, 510, 30

STYLE = """
text{font:14px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1d2b33}
.b{fill:#f7fafb;stroke:#d5dfe3}.h{font-weight:600}.s{fill:#5b6b75}.o{fill:#0b7683}.t{fill:#b4c2c9}
@media(prefers-color-scheme:dark){text{fill:#dfe8ec}.b{fill:#10181d;stroke:#26343d}.s{fill:#8fa1ab}.o{fill:#4cc3d0}.t{fill:#43545f}}
"""


def costs(page):
    """`{application: [(server, text of its µs)]}` from the page's table."""
    section = page.partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    heading, _, *rows = rows
    server, cost = heading.index(SERVER), heading.index(COST)
    found = {name: [] for name in PANELS}
    for row in rows:
        application, _, name = row[server].partition(": ")
        if application in found:
            found[application].append((name, row[cost]))
    for application, servers in found.items():
        assert servers, f"docs/performance.md has no row '{application}: …' below {HEADING!r}"
    return found


def what(found):
    """The chart in words."""
    panels = []
    for application, servers in found.items():
        panels.append(f"{PANELS[application]}: " + ", ".join(f"{name} {cost}" for name, cost in servers))
    return "Processor time of the server for a request, in microseconds. " + ". ".join(panels) + "."


def picture(page):
    """An SVG of the bars; the shorter the better."""
    found = costs(page)
    y, parts = 60, []
    for application, servers in found.items():
        parts.append(f'<text class="h" x="24" y="{y}">{PANELS[application]}</text>')
        longest = max(_number(cost) for _, cost in servers)
        y += 14
        for name, cost in sorted(servers, key=lambda one: _number(one[1])):
            length = max(2, BAR * _number(cost) / longest)
            ours = "o" if name.startswith("tidegate") else "t"
            parts.append(f'<text x="{LABEL}" y="{y + 16}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect class="{ours}" x="{LABEL + 10}" y="{y + 2}" width="{length:.1f}" height="19" rx="3"/>')
            parts.append(f'<text x="{LABEL + 18 + length:.1f}" y="{y + 16}">{escape(cost)}</text>')
            y += STEP
        y += 34
    height = y - 18
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
        f"<title>{escape(what(found))}</title><style>{STYLE}</style>",
        f'<rect class="b" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        '<text class="s" x="24" y="32">Processor time of the server for a request, µs: the shorter the better</text>',
    ]
    return "\n".join(head + parts) + "\n</svg>\n"


def _number(text):
    return float(re.sub(r"[^\d.]", "", text))
