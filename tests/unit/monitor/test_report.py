import json
import os

import numpy as np
import pytest
from sqlalchemy import select

from mlwright.core import clock
from mlwright.core.state import checks
from mlwright.monitor.hours import keep
from mlwright.monitor.report import path_of, report, write
from mlwright.monitor.report_page import page
from mlwright.predictions import reader

from .conftest import draw, truths

DAY = 86_400.0
START = 19_676 * DAY


def weeks(production, days=6, *, shifted_from=3, rows=300, labelled=True):
    """Six days of traffic, of which the last three are shifted."""
    for day in range(days):
        shift = 1.0 if day >= shifted_from else 0.0
        columns = draw(rows, 10 + day, pay=shift, share_a=0.5 + 0.3 * (shift > 0))
        for part in range(4):
            part_of = {name: values[part::4] for name, values in columns.items()}
            ids, scores = production.answer(part_of, at=START + day * DAY + part * DAY / 4)
            if labelled:
                production.label(ids, truths(scores, seed=day * 4 + part, flip=shift > 0))
    return report(production.workspace, "production", since=START, until=START + days * DAY)


@pytest.fixture
def made(production):
    return weeks(production)


def test_what_drifted_is_said_with_its_beginning_and_its_cost(made):
    assert made.check.verdict == "degraded"
    assert [shift.finding.feature for shift in made.shifts] == ["pay", "<script>"]
    for shift in made.shifts:
        assert shift.begin.low <= START + 3 * DAY <= shift.begin.high + DAY / 4
        assert shift.cost.low <= shift.cost.value <= shift.cost.high
    assert made.concept.loss.before < made.concept.loss.after
    assert abs(made.concept.loss.time - (START + 3 * DAY)) < DAY / 2
    assert (
        made.concept.predictions.low <= START + 3 * DAY <= made.concept.predictions.high + DAY / 4
    )


def test_each_day_has_its_metrics(made):
    assert (made.trend.span, len(made.trend.points)) == ("day", 6)
    first, last = made.trend.points[0], made.trend.points[-1]
    assert first.labelled == 300
    assert first.metrics["accuracy"].low > last.metrics["accuracy"].high


def test_from_kept_hours_the_report_is_the_same_and_no_log_is_read(production, monkeypatch):
    raw = weeks(production, labelled=True)
    for path in production.log.glob("predictions-*"):
        os.utime(path, (clock.now() - 9000,) * 2)
    keep(production.workspace, "production")
    monkeypatch.setattr(reader, "tables", lambda *_, **__: iter(()))
    made = report(production.workspace, "production", since=START, until=START + 6 * DAY)
    assert made.check.findings == raw.check.findings
    assert made.check.performance == raw.check.performance
    assert [shift.cost for shift in made.shifts] == [shift.cost for shift in raw.shifts]
    for shift in made.shifts:
        assert shift.begin.low <= START + 3 * DAY <= shift.begin.high + DAY / 4
    assert made.trend == raw.trend
    assert made.service.traffic.tolist() == raw.service.traffic.tolist()
    assert made.check.latency_ms["p95"] == pytest.approx(raw.check.latency_ms["p95"], rel=0.01)


def test_a_report_is_no_check(production):
    weeks(production)
    with production.workspace.state.read() as connection:
        assert not connection.execute(select(checks)).all()


def test_the_page_opens_with_the_verdict_and_escapes_names(made):
    html = page(made)
    assert html.index("Performance has degraded") < html.index("Since when, and what it costs")
    assert "mlwright retrain run --environment production" in html
    assert "<script>" not in html
    assert "&lt;script&gt; moved by" in html
    assert len(html.encode()) < 1_000_000
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_page_and_json_are_written_beside_each_other(made, production):
    path = path_of(production.workspace, "production", START, START + 6 * DAY)
    assert path.name == "production-2023-11-15-to-2023-11-21.html"
    html, beside = write(made, path)
    kept = json.loads(beside.read_text())
    assert html.read_text().startswith("<!doctype html>")
    assert [shift["feature"] for shift in kept["shifts"]] == ["pay", "<script>"]
    assert kept["service"]["rows"] == 1800
    assert kept["performance"]["lag_seconds"]["p50"] > 0


def test_without_labels_or_a_shift_there_is_little_to_say(production):
    made = weeks(production, shifted_from=9, labelled=False)
    assert (made.check.verdict, made.shifts) == ("ok", ())
    assert made.concept.loss is None
    assert made.concept.together is None
    assert "Service" in page(made)


def test_a_period_without_rows_is_a_page_too(production):
    made = report(production.workspace, "production", since=START, until=START + DAY)
    assert made.check.verdict == "not_enough_data"
    assert "Not enough data: 0 rows" in page(made)


def test_weeks_begin_on_monday_where_the_period_is_long(production):
    made = report(production.workspace, "production", since=START, until=START + 60 * DAY)
    assert made.trend.span == "week"
    assert np.all([(point.since // DAY) % 7 == 4 for point in made.trend.points])
