"""What `make bench` runs: its tables, the page that it writes, and one small comparison with real servers."""

import os
import re
import subprocess
import sys

import pytest

from support.server import ROOT, TIDEGATE

COMPARE = ROOT / "benches" / "compare"
sys.path[:0] = [str(COMPARE), str(ROOT / "docs" / "pictures")]

import bench  # noqa: E402
import chart  # noqa: E402
import hosted  # noqa: E402
import peers  # noqa: E402
import table  # noqa: E402
import visitors  # noqa: E402

PAGE = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


def test_a_figure_is_the_median_and_is_marked_where_its_rounds_differ():
    assert table.figure([1000.0, 1010.0, 990.0, 5000.0, 1.0], 0) == "1,000", "one round at either end may be anything"
    assert table.figure([1000.0, 1200.0, 900.0, 5000.0, 1.0], 0) == "~1,000"
    assert table.figure([1.0, 3.0], 2) == "2.00", "two rounds tell nothing of noise"


def test_a_ratio_is_that_of_rounds_next_to_each_other():
    assert table.ratios([2.0, 30.0], [1.0, 10.0]) == [2.0, 3.0]
    assert table.ratios([2.0], "not installed") == table.ratios("not installed", [2.0]) == "not installed"
    told = table.aims("of a thing", [("one", [0.9, 1.1, 1.0], 1.0), ("two", [1.2], 1.1), ("three", "no figure", 1.0)])
    assert told == "The aims, of a thing: one 1.00 (at most 1.00: met), two 1.20 (at most 1.10: missed), three was not measured."


def test_a_reason_stands_in_its_row_once():
    one = table.Table("server", [("a", 0), ("b", 1)])
    one.add("x", ["not installed", "not installed"])
    one.add("y", [[1.0], [2.0]])
    assert one.markdown().splitlines()[2:] == ["| x | not installed |  |", "| y | 1 | 2.0 |"]


def test_visitors_differ():
    variables = [visitors.variables(number) for number in range(visitors.VISITORS)]
    assert len({visitors.packet(one) for one in variables}) == visitors.VISITORS
    assert len({len(one) for one in variables}) == len(visitors.WITHOUT), "each of the browsers sends other fields"
    assert visitors.packet({"A": "bc", "D": ""}) == b"\0\x0c\0\0\x01\0A\x02\0bc\x01\0D\0\0"


def test_an_application_is_measured(monkeypatch):
    """What this virtual environment has of the servers; those that are not in it, as uWSGI where it is not .venv, are told of."""
    monkeypatch.setattr(bench, "BUILT", TIDEGATE.parent)
    monkeypatch.setattr(peers, "VENV", TIDEGATE.parents[1])
    monkeypatch.setattr(hosted, "APPLICATIONS", [application for application in hosted.APPLICATIONS if application.module == "hello"])
    cores = os.sched_getaffinity(0)
    with bench.Bench(rounds=1, seconds=0.3, connections=4) as one:
        told = hosted.measured(one)
    assert os.sched_getaffinity(0) == cores, "the tests that follow have all of them"
    rows = {cells[1].strip(): cells[2:-1] for cells in (line.split("|") for line in told.splitlines() if line.startswith("|"))}
    for name in ("tidegate", "tidegate, 4 threads", "tidegate, HTTP"):
        rate, _, _, _, cost, _, memory = (float(cell.replace(",", "")) if re.search(r"\d", cell) else None for cell in rows[name])
        assert rate > 0 and cost > 0 and memory > 0, told
    if "uwsgi" in peers.versions():
        assert float(rows["uWSGI"][5]) == 1 and float(rows["tidegate"][5]) > 0, told
    else:
        assert "not installed" in rows["uWSGI"][0] and "not installed" in rows["tidegate"][5], told
    assert "not installed" in rows["gunicorn"][0], told


def test_the_page_is_what_the_template_says():
    """`make bench` wrote docs/performance.md: all of the template is in it, in its order, and a figure for each chart."""
    at = 0
    for line in (COMPARE / "performance.md").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("$"):
            found = PAGE.find(f"\n{line}\n", at) if at else PAGE.find(line)
            assert found >= 0, f"docs/performance.md has no {line!r} there: run make bench"
            at = found + 1
    assert "$" not in PAGE
    for one in chart.CHARTS.values():
        assert all(len(rows) > 1 for rows in chart.figures(one, PAGE).values())


def test_options_that_are_wrong_are_told():
    for words, told in [(["--only", "nothing"], "there is no part 'nothing'"), (["--rounds", "0"], "write a number"), (["--seconds", "x"], "write seconds")]:
        ran = subprocess.run([sys.executable, "-B", COMPARE, *words], capture_output=True, text=True)
        assert ran.returncode == 2 and told in ran.stderr, ran.stderr
