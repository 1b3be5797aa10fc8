"""Tables in Markdown: medians of rounds, ratios, and a sign where the rounds differ."""

from statistics import median

NOISE = 0.15  # the middle rounds of a figure differ by more than this part of it: it is marked
MARK = "~"


class Table:
    """Rows of cells; a cell is a list with a figure for each round, or a text."""

    def __init__(self, title, columns):
        self.title, self.columns, self.rows = title, columns, []

    def add(self, name, cells):
        self.rows.append((name, cells))

    def markdown(self):
        heads = [self.title] + [name for name, _ in self.columns]
        lines = [line(heads), line(["---"] + ["---:"] * len(self.columns))]
        for name, cells in self.rows:
            shown = [cell if isinstance(cell, str) else figure(cell, decimals) for cell, (_, decimals) in zip(cells, self.columns)]
            # A reason that fills several cells stands in the first of them.
            again = [isinstance(cell, str) and cell == before for before, cell in zip([None] + cells, cells)]
            lines.append(line([name] + ["" if is_again else text for text, is_again in zip(shown, again)]))
        return "\n".join(lines)


def line(cells):
    return "| " + " | ".join(cells) + " |"


def figure(rounds, decimals):
    return (MARK if is_noise(rounds) else "") + f"{median(rounds):,.{decimals}f}"


def is_noise(rounds):
    """Whether the middle half of the rounds, at least three of them, is wide."""
    if len(rounds) < 3:
        return False
    cut = len(rounds) // 4
    middle = sorted(rounds)[cut : len(rounds) - cut]
    return middle[-1] - middle[0] > NOISE * abs(median(rounds))


def cells(result, figures):
    """A row's cells: of each figure a list with all rounds, or what the row has in their place."""
    return [result if isinstance(result, str) else [of(sample) for sample in result] for _, _, of in figures]


def ratios(rounds, base):
    """Of each round with the same round of the base."""
    for reason in (rounds, base):
        if isinstance(reason, str):
            return reason
    return [one / other for one, other in zip(rounds, base)]


def aims(what, compared):
    """A sentence on ratios, each with its title and the most that it should be."""
    told = []
    for title, ratio, most in compared:
        if isinstance(ratio, str):
            told.append(f"{title} was not measured")
            continue
        verdict = "met" if median(ratio) <= most else "missed"
        told.append(f"{title} {median(ratio):.2f} (at most {most:.2f}: {verdict})")
    return f"The aims, {what}: " + ", ".join(told) + "."
