"""A terminal's text as an SVG, in light and dark as the reader's system is. No font is fetched: each has a monospaced one."""

import re
from xml.sax.saxutils import escape

WIDTH, HEIGHT, EDGE = 7.8, 18, 16

STYLE = """
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1d2b33;white-space:pre}
.b{fill:#f7fafb;stroke:#d5dfe3}.p{fill:#0b7683;font-weight:600}.s{fill:#5b6b75}.h{fill:#a2480d}
@media(prefers-color-scheme:dark){text{fill:#dfe8ec}.b{fill:#10181d;stroke:#26343d}.p{fill:#4cc3d0}.s{fill:#8fa1ab}.h{fill:#f0a35e}}
"""


def picture(text, what, columns, emphasis):
    """An SVG of the text, for whom `what` says it who cannot see it. Longer lines go on in the next, as in a terminal.

    `emphasis` are the classes of what is set off, each with a pattern.
    """
    lines = [piece for line in text.rstrip("\n").split("\n") for piece in _wrapped(line, columns)]
    width, height = 2 * EDGE + columns * WIDTH, 2 * EDGE + len(lines) * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" role="img">',
        f"<title>{escape(what)}</title><style>{STYLE}</style>",
        f'<rect class="b" x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1}" rx="8"/>',
    ]
    for at, line in enumerate(lines):
        if line.strip():
            y = EDGE + at * HEIGHT + 13
            # The columns stand below each other whatever the font is.
            parts.append(f'<text x="{EDGE}" y="{y}" textLength="{len(line) * WIDTH:.1f}" xml:space="preserve">{_set_off(line, emphasis)}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def text_of(svg):
    """The lines that such a picture shows."""
    lines = re.findall(r"<text[^>]*>(.*?)</text>", svg)
    plain = (re.sub(r"<[^>]*>", "", line) for line in lines)
    return [line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for line in plain]


def _wrapped(line, columns):
    return [line[at : at + columns].rstrip() for at in range(0, max(len(line), 1), columns)]


def _set_off(line, emphasis):
    pattern = "|".join(f"(?P<{name}{at}>{pattern})" for at, (name, pattern) in enumerate(emphasis))
    done, parts = 0, []
    for found in re.finditer(pattern, line):
        parts.append(escape(line[done : found.start()]))
        parts.append(f'<tspan class="{found.lastgroup[0]}">{escape(found[0])}</tspan>')
        done = found.end()
    return "".join(parts) + escape(line[done:])
