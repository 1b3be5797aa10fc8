"""The comparison as bars: what the tables of docs/performance.md say, and nothing else."""

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LABEL, BAR, STEP = 760, 205, 455, 30

STYLE = """
text{font:14px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1d2b33}
.b{fill:#f7fafb;stroke:#d5dfe3}.h{font-weight:600}.s{fill:#5b6b75}.o{fill:#0b7683}.t{fill:#b4c2c9}
@media(prefers-color-scheme:dark){text{fill:#dfe8ec}.b{fill:#10181d;stroke:#26343d}.s{fill:#8fa1ab}.o{fill:#4cc3d0}.t{fill:#43545f}}
"""


@dataclass(frozen=True)
class Chart:
    """A column of one table or several, each below a heading of the page."""

    title: str
    column: str
    tables: dict  # the heading, and what is written above its bars
    ours: str  # a pattern of the rows that are set off
    without: str = r"$^"  # of those that are left out


CHARTS = {
    "performance.svg": Chart(
        "Processor time of the server for a request, µs: the shorter the better",
        "server CPU per request, µs",
        {"### hello": "A hello", "### Django view": "A Django view"},
        "tidegate",
        "threads",
    ),
    "protocols.svg": Chart(
        "Processor time of the server for a request, µs: the shorter the better",
        "server CPU per request, µs",
        {"## The protocols, directly": "A hello in Rust"},
        "(?!floor|hyper)",
    ),
    "nginx.svg": Chart(
        "Processor time of nginx and Tidegate together for a request, µs: the shorter the better",
        "sum, µs",
        {"## The protocols, through nginx": "A hello in Rust"},
        "",
    ),
    "uploads.svg": Chart(
        "Processor time of the server for an upload, ms: the shorter the better",
        "server CPU per upload, ms",
        {"### 10 MiB": "10 MiB", "### 1 GiB": "1 GiB"},
        "tidegate",
    ),
}


def pictures(page):
    """The name of each, and its SVG."""
    for name, chart in CHARTS.items():
        yield name, picture(chart, page)


def figures(chart, page):
    """`{heading: [(row, text of its figure)]}`; rows that were not measured are left out."""
    found = {}
    for heading in chart.tables:
        section = page.partition(f"\n{heading}\n")[2]
        lines = re.search(r"(?:^\|.*\n?)+", section, re.MULTILINE)
        assert lines, f"docs/performance.md has no table below {heading!r}"
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()]
        column = head.index(chart.column)
        rows = [(row[0].replace("`", ""), row[column]) for row in rows if not re.search(chart.without, row[0])]
        found[heading] = [(name, figure) for name, figure in rows if re.fullmatch(r"~?[\d,.]+", figure)]
    return found


def what(chart, found):
    """The chart in words."""
    panels = (f"{chart.tables[heading]}: " + ", ".join(f"{name} {figure}" for name, figure in rows) for heading, rows in found.items())
    return f"{chart.title.partition(':')[0]}. " + ". ".join(panels) + "."


def picture(chart, page):
    """An SVG of the bars."""
    found = figures(chart, page)
    y, parts = 60, []
    for heading, rows in found.items():
        parts.append(f'<text class="h" x="24" y="{y}">{chart.tables[heading]}</text>')
        longest = max(_number(figure) for _, figure in rows)
        y += 14
        for name, figure in sorted(rows, key=lambda one: _number(one[1])):
            length = max(2, BAR * _number(figure) / longest)
            ours = "o" if re.match(chart.ours, name) else "t"
            parts.append(f'<text x="{LABEL}" y="{y + 16}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect class="{ours}" x="{LABEL + 10}" y="{y + 2}" width="{length:.1f}" height="19" rx="3"/>')
            parts.append(f'<text x="{LABEL + 18 + length:.1f}" y="{y + 16}">{escape(figure)}</text>')
            y += STEP
        y += 34
    height = y - 18
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
        f"<title>{escape(what(chart, found))}</title><style>{STYLE}</style>",
        f'<rect class="b" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="s" x="24" y="32">{escape(chart.title)}</text>',
    ]
    return "\n".join(head + parts) + "\n</svg>\n"


def _number(text):
    return float(re.sub(r"[^\d.]", "", text))
