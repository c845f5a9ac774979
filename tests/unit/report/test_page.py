import re

import pytest

from mlwright.core.errors import UserError
from mlwright.report import figures
from mlwright.report.page import (
    Figure,
    Items,
    Preformatted,
    Section,
    Table,
    Text,
    Tiles,
    render,
)
from mlwright.stats.intervals import Interval

HOSTILE = "<script>alert('x')</script>\"&{{ 7 * 7 }}"


def everywhere(name):
    """A page that shows the name in every place that takes a text."""
    parts = [
        Text(name),
        Tiles({name: name}),
        Table([name], [[name]], caption=name, marked=frozenset({0})),
        Figure(figures.categories([name, "b"], [1, 2], [2, 1], label=name), name),
        Figure(figures.numbers([0.0, 1.0], [0, 1, 0], [0, 0, 1], label=name), name),
        Figure(figures.intervals([(name, Interval(0.5, 0.4, 0.6, 9))], label=name), name),
        Figure(figures.traffic([0.0, 1.0], [0.1, 1.0], label=name), name),
        Figure(figures.evidence([0.0, 1.0], [0.0, 5.0], alpha=0.01, label=name), name),
        Preformatted(name),
        Items([name]),
    ]
    return render(name, [Section(name, name, "bad", parts)], subtitle=name)


def test_a_hostile_name_is_text_wherever_it_stands():
    page = everywhere(HOSTILE)
    assert "<script" not in page
    assert "49" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    assert page.count("&lt;script&gt;") > 15


def test_the_page_needs_nothing_from_outside():
    page = everywhere("plain")
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", page)
    assert all(link.startswith("#") for link in links)
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == namespaces
    assert "default-src 'none'" in page


def test_the_same_sections_give_the_same_bytes():
    assert everywhere("a") == everywhere("a")


def test_tones_and_order():
    sections = [
        Section("One", "Good news.", "good"),
        Section("Two", "Bad news.", "bad"),
        Section("Three"),
    ]
    page = render("Report", sections)
    classes = re.findall(r'<section class="(\w+)">\n<h2>(\w+)</h2>', page)
    assert classes == [("good", "One"), ("bad", "Two"), ("plain", "Three")]
    assert page.count('<p class="verdict">') == 2


def test_a_measured_cell_shows_its_interval_and_stands_right():
    table = Table(["metric", "now"], [["auc", Interval(0.84567, 0.82, 0.865, 1409)]])
    page = render("Report", [Section("One", parts=[table])])
    assert '<td class="number">0.846 (0.82 to 0.865)</td>' in page
    assert '<th class="number">now</th>' in page
    assert "<td>auc</td>" in page


def test_marked_rows_stand_out():
    table = Table(["name"], [["a"], ["b"]], marked=frozenset({1}))
    page = render("Report", [Section("One", parts=[table])])
    assert re.findall(r'<tr( class="marked")?>\n<td>(\w)</td>', page) == [
        ("", "a"),
        (' class="marked"', "b"),
    ]


def test_a_page_that_nobody_can_open_is_refused():
    with pytest.raises(UserError) as caught:
        render("Report", [Section("One", parts=[Text("x" * 2_100_000)])])
    assert str(caught.value) == "the report 'Report' would take 2.1 MB, more than 2 MB"
    assert caught.value.hint == "show fewer figures"


def test_fifty_features_fit():
    drawing = figures.numbers(range(1000), [1] * 1001, [1] * 1001, label="feature")
    parts = [Figure(drawing, f"feature {i}") for i in range(50)]
    assert len(render("Report", [Section("One", parts=parts)])) < 1_500_000
