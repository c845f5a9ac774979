import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from mlwright.report import figures
from mlwright.stats.intervals import Interval

DRAWINGS = {
    "numbers": lambda: figures.numbers([0.0, 1.0, 2.0], [0, 5, 5, 0], [0, 1, 7, 2], label="age"),
    "categories": lambda: figures.categories(["a", "b"], [3, 1], [1, 3], label="town"),
    "traffic": lambda: figures.traffic([10.0, 20.0], [0.1, 1.0], label="churn:2"),
    "evidence": lambda: figures.evidence([10.0, 20.0], [0.0, 5.0], alpha=0.01, label="errors"),
    "intervals": lambda: figures.intervals([("auc", Interval(0.8, 0.7, 0.9, 50))], label="auc"),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_drawing_is_one_svg_element_and_deterministic(name):
    svg = str(DRAWINGS[name]())
    assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert svg == str(DRAWINGS[name]())


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", str(svg))


def test_names_are_drawn_as_they_are():
    svg = figures.categories(["$x_1$ & <b>", "two\nlines"], [1, 1], [1, 1], label="l" * 50)
    found = texts(svg)
    assert "$x_1$ &amp; &lt;b&gt;" in found
    assert "two\ufffdlines" in found
    assert any(text.endswith("l" * 31 + "…") for text in found)


def test_small_categories_are_summed():
    names = [f"c{i}" for i in range(30)]
    found = texts(figures.categories(names, range(30), range(30), label="x"))
    assert "c29" in found
    assert "20 more" in found
    assert "c3" not in found


def test_empty_windows_can_be_drawn():
    for svg in (
        figures.numbers([], [0], [0], label="empty"),
        figures.numbers([1.0, 1.0], [0, 0, 0], [0, 0, 0], label="no rows"),
        figures.categories(["a"], [0], [0], label="no rows"),
        figures.traffic([], [], label="none"),
        figures.evidence([], [], alpha=0.01, label="none"),
        figures.intervals([], label="none"),
    ):
        assert str(svg).startswith("<svg")


def test_an_outlier_does_not_squeeze_the_drawing():
    edges = np.append(np.linspace(0, 1, 999), 1e9)
    counts = np.append(np.full(1000, 100), 0)
    found = texts(figures.numbers(edges, counts, counts, label="x"))
    ticks = [float(text) for text in found if re.fullmatch(r"[\d.]+", text)]
    assert 1 <= max(ticks) <= 2


def test_the_users_matplotlib_is_left_alone():
    code = (
        "import sys, matplotlib\n"
        "names = [name for name in matplotlib.rcParams if name != 'backend']\n"
        "before = [matplotlib.rcParams[name] for name in names]\n"
        "from mlwright.report import figures\n"
        "figures.numbers([0.0], [1, 1], [1, 1], label='x')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert [matplotlib.rcParams[name] for name in names] == before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_best_so_far_never_counts_what_was_dropped():
    svg = figures.history(
        [0, 1, 2], [0.7, 0.9, 0.8], [True, False, True], higher_is_better=True, label="auc"
    )
    assert {"trial", "auc", "dropped", "scored", "best so far"} <= set(texts(svg))
    assert str(svg) == str(
        figures.history(
            [0, 1, 2], [0.7, 0.9, 0.8], [True, False, True], higher_is_better=True, label="auc"
        )
    )


def test_shares_are_drawn_with_their_names():
    found = texts(figures.shares([("depth", 0.75), ("<b>", 0.25)], label="share"))
    assert {"depth", "&lt;b&gt;", "share"} <= set(found)
