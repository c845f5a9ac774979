import re

from mlwright.monitor.check import check
from mlwright.monitor.sections import sections
from mlwright.report.page import Figure, render

from .conftest import NOON, draw, truths


def run(production):
    return check(production.workspace, "production", since=NOON, until=NOON + 3600)


def test_drift_is_shown_verdict_first_with_figures_and_escaped(production):
    production.answer(draw(2000, 5, pay=0.5, share_a=0.8, nulls=0.3))
    made = sections(run(production))
    assert [section.title for section in made] == [
        "production: check of churn:1",
        "Drift",
        "Estimated without labels",
    ]
    assert made[0].tone == "bad"
    figures = [part for part in made[1].parts if isinstance(part, Figure)]
    assert [figure.caption.split(":")[0] for figure in figures] == ["pay", "<script>", "prediction"]
    page = render("Report", made)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert re.search(r"Drift in 2 of 4 features over 2,000 rows: pay, &lt;script&gt;\.", page)


def test_performance_is_shown_beside_its_baseline(production):
    ids, scores = production.answer(draw(700, 5))
    production.label(ids, truths(scores, flip=True))
    lead, _, performance, *_ = sections(run(production))
    assert lead.verdict == (
        "Performance has degraded over 700 labelled rows (Accuracy, F1, AUC, Log Loss)."
    )
    assert (performance.title, performance.tone) == ("Performance", "bad")
    (table,) = performance.parts
    assert table.rows[0][0] == "Accuracy"
    assert table.marked


def test_a_window_without_rows_is_a_page_too(production):
    made = sections(run(production))
    assert [section.tone for section in made] == ["unsure"]
    assert "Not enough data: 0 rows, 500 are needed." in render("Report", made)


def test_what_was_left_out_is_shown(production):
    production.answer(draw(600, 5))
    production.answer(draw(30, 6), at=NOON + 10, version=2)
    page = render("Report", sections(run(production)))
    assert "rows of other versions" in page
    assert "damaged lines" not in page
