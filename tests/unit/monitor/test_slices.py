import os

import numpy as np
import pytest

from mlwright.core.settings import Monitor
from mlwright.monitor import hours
from mlwright.monitor.check import check
from mlwright.monitor.of_files import check_files
from mlwright.monitor.report import report
from mlwright.monitor.report_page import page
from mlwright.monitor.sections import sections
from mlwright.monitor.sources.column_map import ColumnMap
from mlwright.monitor.sources.files import Files
from mlwright.stats.slices import NOT_JUDGED

from .conftest import NOON, draw, truths


def checked(production):
    return check(production.workspace, "production", since=NOON - 60, until=NOON + 3600)


def titles(found):
    return [section.title for section in sections(found)]


@pytest.fixture
def weak(production):
    """The model is wrong about one value of a column, whatever the rest is."""
    columns = draw(3000, 7)
    ids, scores = production.answer(columns)
    told = np.array(truths(scores), dtype=object)
    bad = (columns["<script>"] == "a") & (columns["age"] > 0)
    told[bad] = np.where(scores[bad] > 0.5, "No", "Yes")
    production.label(ids, told.tolist())
    return production


def test_where_the_model_errs_is_found_and_named(weak):
    found = checked(weak)
    (first, *_) = found.slices.weak.weak
    assert any("<script> = a" in each.name for each in found.slices.weak.weak)
    assert first.gap.low > 0
    assert found.to_json()["slices"]["weak"]["found"][0]["slice"] == first.name
    assert found.slices.lines[0].startswith(f"weaker where {first.name}: mean loss ")
    assert "Where it errs more" in titles(found)
    assert found.slices.moved is None  # nothing drifted, and the reference is a profile


def test_a_report_names_them_too_and_escapes_their_names(weak):
    made = report(weak.workspace, "production", since=NOON - 60, until=NOON + 3600)
    html = page(made)
    assert made.check.slices.weak.weak
    assert "&lt;script&gt; = a" in html
    assert "<script>" not in html


def test_few_labels_are_not_judged(production):
    production.answer(draw(600, 8))
    found = checked(production)
    assert found.slices.weak == NOT_JUDGED
    assert found.slices.lines == []
    assert "Where it errs more" not in titles(found)


def write(path, columns):
    names = list(columns)
    rows = zip(*(columns[name].tolist() for name in names), strict=True)
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return Files(path, ColumnMap())


def test_of_files_the_slices_that_moved_are_named(tmp_path):
    before, now = draw(2000, 9, nulls=0.0), draw(2000, 10, nulls=0.0)
    reference = write(tmp_path / "before.csv", before)
    calm = check_files(write(tmp_path / "calm.csv", now), reference, Monitor())
    assert (calm.verdict, calm.slices.moved) == ("ok", None)
    now["<script>"][(now["age"] > 0)] = "b"
    moved = check_files(write(tmp_path / "now.csv", now), reference, Monitor())
    assert moved.verdict == "drift"
    names = [each.name for each in moved.slices.moved]
    assert any("<script> = a" in name and "age over" in name for name in names)
    assert any("fewer rows where" in line for line in moved.slices.lines)
    assert "Which rows became more, or fewer" in titles(moved)


@pytest.fixture
def segmented(production):
    """Rows of two days ago, of which the first half is counted into hours and gone."""
    production.workspace.__dict__["settings"] = production.workspace.settings.model_copy(
        update={"monitor": Monitor(segment="<script>")}
    )
    for place, at in enumerate((NOON, NOON + 7200)):
        ids, scores = production.answer(draw(800, 20 + place, share_a=0.75), at=at)
        production.label(ids, truths(scores))
        if place == 0:
            for path in production.log.glob("predictions-*.jsonl"):
                os.utime(path, (at, at))
            hours.keep(production.workspace, "production")
    return production


def test_a_report_says_how_each_value_of_the_segment_did(segmented):
    assert any(hours.done(segmented.log))
    made = report(segmented.workspace, "production", since=NOON - 60, until=NOON + 9000)
    first, second = made.by_segment
    assert (first.value, second.value) == ("a", "b")
    assert first.rows + second.rows == made.check.rows == 1600
    assert first.share == pytest.approx(0.75, abs=0.05)
    assert first.loss.n == first.rows
    assert 0 < second.answer < first.answer < 1
    assert 90 < first.p95_ms < 101
    assert made.to_json()["by_segment"][0]["value"] == "a"
    assert "By segment" in page(made)


def test_without_a_segment_there_is_no_such_table(production):
    production.answer(draw(600, 8))
    made = report(production.workspace, "production", since=NOON - 60, until=NOON + 3600)
    assert made.by_segment == ()
    assert "By segment" not in page(made)
