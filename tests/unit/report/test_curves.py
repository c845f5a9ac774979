import xml.etree.ElementTree as ET

import numpy as np
import pytest

from mlwright.report import curves
from mlwright.stats.intervals import Interval

LINE = np.linspace(0, 1, 5000)
DRAWINGS = {
    "one line": lambda: curves.curves([("a", LINE, LINE**2)], across="x", up="y", diagonal=True),
    "many lines": lambda: curves.curves(
        [(f"<{i}>", LINE, LINE) for i in range(12)], across="x", up="y"
    ),
    "calibration": lambda: curves.calibration(
        [(0.1, Interval(0.2, 0.1, 0.3, 9))], across="x", up="y"
    ),
    "no points": lambda: curves.calibration([], across="x", up="y"),
    "confusion": lambda: curves.confusion([[5, 1], [2, 7]], ["no", "$y$ <b>"]),
    "many classes": lambda: curves.confusion(np.eye(30, dtype=int), [str(i) for i in range(30)]),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_drawing_is_small_plain_svg(name):
    svg = str(DRAWINGS[name]())
    assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "<image" not in svg  # a page fetches nothing, not even from itself
    assert svg == str(DRAWINGS[name]())
    assert len(svg) < 250_000


def test_the_numbers_of_the_matrix_are_text():
    svg = str(curves.confusion([[5, 1], [2, 1234]], ["no", "yes"]))
    assert ">1,234<" in svg
    assert ">yes<" in svg
