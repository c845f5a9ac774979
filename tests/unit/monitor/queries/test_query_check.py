from itertools import cycle, islice

import pytest
from sqlalchemy import select

from mlwright.alerts import open_alerts
from mlwright.core.settings import Monitor
from mlwright.core.state import checks
from mlwright.monitor.exporter import text as exported
from mlwright.monitor.queries.check import check_queries
from mlwright.monitor.queries.tell import measures, tell_queries
from mlwright.monitor.queries.wording import alert_of, index_lines, not_judged
from mlwright.predictions import evaluated
from mlwright.predictions.queries import Feedback

from .conftest import DAY, NOON, USUAL


def usual(count):
    return list(islice(cycle(USUAL), count))


def checked(answering, **more):
    return check_queries(answering.workspace, "help", since=NOON, until=NOON + DAY, **more)


def test_no_question_is_not_enough_data(answering):
    found = checked(answering)
    assert found.verdict == "not_enough_data"
    assert found.sentence == "Not enough data: 0 questions, 50 are needed."
    assert found.to_json()["refusals"] is None
    assert found.to_json()["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert alert_of(found) is None


def test_with_nothing_to_compare_with_it_is_not_ok(answering):
    answering.ask(usual(90))
    found = checked(answering)
    assert found.verdict == "not_enough_data"
    assert found.sentence == "Not enough data: nothing is there to compare 90 questions with."
    assert not_judged(found) == [
        "not judged: refusals, empty retrievals (30 independent questions on both sides are "
        "needed, there are 0 and 90)",
        "not judged: liked answers (30 independent ratings on both sides are needed, there are "
        "0 and 0)",
        "not judged: the questions of the days before (20 questions on both sides are needed, "
        "there are 0 and 90)",
        "not judged: the questions of the evaluation set (none is kept; mlwright rag evaluate "
        "keeps its questions)",
    ]


def test_days_that_are_alike_are_ok(answering):
    for day in range(-4, 1):
        answering.ask(usual(120), at=NOON + day * DAY, liked=[i % 3 > 0 for i in range(60)])
    found = checked(answering)
    assert found.verdict == "ok"
    assert found.sentence.startswith("No change over 120 questions (judged: ")
    assert (found.rows, found.before.queries) == (120, 480)
    assert found.now.interval("cache_hits").value == 0.25
    assert found.now.interval("positive_feedback").n == 60
    assert found.now.ratings == {"up": 40, "neutral": 0, "down": 20}
    assert found.now.cost_total == pytest.approx(0.12)
    assert found.now.latency_ms["p50"].n == 120
    assert found.now.latency_ms["p99"] is None  # 368 are needed for an upper end
    assert measures(found)["p95"].value == found.now.latency_ms["p95"].value / 1000


def test_more_refusals_are_told_and_end(answering):
    answering.ask(usual(200), at=NOON - DAY)
    answering.ask(usual(70))
    answering.ask(usual(30), at=NOON + 500, answer="unknown")
    answering.ask(usual(100), at=NOON + DAY)
    found = checked(answering)
    assert found.verdict == "degraded"
    assert found.sentence == "Refusals rose from 0% to 30%, over 100 questions."
    alert = alert_of(found)
    assert (alert.kind, alert.what, alert.threshold) == (
        "answers_degraded",
        "Refusals",
        "0% before",
    )
    assert alert.value == "30% (21.9% to 39.6%) n=100"
    assert alert.action == "mlwright monitor report help --period last_7_days"
    assert alert.causes == (
        "No cause stands in the log; the report names what was refused most often",
    )
    tell_queries(answering.workspace, found)
    assert [each.kind for each in open_alerts(answering.workspace)] == ["answers_degraded"]
    after = check_queries(answering.workspace, "help", since=NOON + DAY, until=NOON + 2 * DAY)
    assert after.verdict == "ok"  # better than before is no alarm
    tell_queries(answering.workspace, after)
    assert not open_alerts(answering.workspace)


def test_one_caller_who_is_refused_again_and_again_is_one_caller(answering):
    answering.ask(usual(200), at=NOON - DAY, key=lambda i: f"k{i}")
    answering.ask(usual(70), key=lambda i: f"k{i}")
    answering.ask(usual(30), at=NOON + 500, key=lambda _: "angry", answer="unknown")
    found = checked(answering)
    assert found.verdict == "ok"
    assert found.changes.unjudged["refusals"] == (
        "30 independent questions on both sides are needed, there are 200 and 4"
    )


def test_other_questions_than_those_evaluated_are_drift(answering):
    evaluated.keep(answering.workspace, "kb", [f"{text} {i}" for i in range(9) for text in USUAL])
    answering.ask([*usual(60), *["can the drone fly at night"] * 60])
    found = checked(answering)
    assert found.verdict == "drift"
    assert found.sentence == (
        "What is asked differs from the questions of the evaluation set "
        "('at', 'can', 'drone'), over 120 questions."
    )
    alert = alert_of(found)
    assert alert.kind == "query_drift"
    assert alert.severity == "warning"
    assert alert.action == "mlwright rag evaluate --name kb --test-queries QUESTIONS.json"
    given = checked(answering, reference=["can the drone fly at night", *usual(1)] * 20)
    assert given.verdict == "ok"


def test_where_the_log_keeps_no_words_it_says_so(answering):
    answering.ask([None] * 60, at=NOON - DAY)
    answering.ask([None] * 60)
    found = checked(answering)
    assert found.verdict == "ok"
    assert not_judged(found)[-1] == (
        "not judged: the questions of the days before, the questions of the evaluation set "
        "(the log keeps no words (api.log_text: false))"
    )


def test_a_new_version_and_new_files_are_likely_causes(answering):
    answering.ask(usual(100), at=NOON - DAY)
    answering.ask(usual(60), answer="unknown", version=2)
    (answering.workspace.root / "documents" / "new.md").write_text("new")
    (answering.workspace.root / "documents" / ".hidden").write_text("no document")
    found = checked(answering)
    path = answering.workspace.root / "documents"
    assert found.causes == (
        "What else the check saw, likely causes first:",
        "new among those who answer: version 2 (60)",
        f"1 file under {path} is newer than it; mlwright rag build reads them",
    )
    assert "the newest of 2 dated documents is of 2023-11-03, " in index_lines(found)[1]


def test_what_is_left_out_is_counted(answering):
    answering.ask(usual(60))
    answering.ask(usual(5), model="other")
    answering.write(Feedback(NOON + 5, "never", 1.0))
    (path, *_) = answering.log.glob("predictions-*")
    path.write_bytes(path.read_bytes() + b'{"line":"query","ti')
    assert checked(answering).left_out == {
        "damaged lines": 1,
        "queries of other indexes": 5,
        "ratings of unknown requests": 1,
    }


def test_a_check_is_kept_and_exported(answering):
    answering.ask(usual(60), at=NOON - DAY)
    answering.ask(usual(60))
    found = checked(answering)
    with answering.workspace.state.read() as connection:
        (row,) = connection.execute(select(checks.c.verdict, checks.c.result)).all()
    assert row == (found.verdict, found.to_json())
    page = exported(answering.workspace)
    labels = 'environment="help",model="kb",version="1"'
    assert f"mlwright_check_rows{{{labels}}} 60" in page
    assert f'mlwright_check_metric{{{labels},metric="cache_hits"}} 0.25' in page
    assert f'mlwright_check_metric_baseline{{{labels},metric="refusals"}} 0.0' in page
    assert f'mlwright_check_verdict{{{labels},verdict="ok"}} 1.0' in page


def test_old_questions_go_where_the_settings_say_so(answering):
    answering.ask(usual(60))
    assert checked(answering).rows == 60
    answering.workspace.__dict__["settings"] = answering.workspace.settings.model_copy(
        update={"monitor": Monitor(keep_days=1e-9)}
    )
    assert checked(answering).rows == 60
    assert checked(answering).rows == 0
