import json
import subprocess
import sys

import numpy as np
import pytest
from sqlalchemy import select

from mlwright.alerts import open_alerts, resolve, send
from mlwright.core.errors import NotFound
from mlwright.core.state import checks
from mlwright.core.workspace import Workspace
from mlwright.monitor.check import check
from mlwright.monitor.wording import alert_key, alert_of

from .conftest import NOON, draw, truths


def run(production, **options):
    return check(production.workspace, "production", since=NOON, until=NOON + 3600, **options)


def test_the_same_world_is_ok_and_says_how_sure(production):
    ids, scores = production.answer(draw(2000, 5))
    production.label(ids, truths(scores, 3))
    found = run(production)
    assert found.verdict == "ok"
    assert found.drifted == []
    assert found.sentence == "No drift in 4 features over 2,000 rows."
    assert "would be found nine times in ten; 100% of the rows are labelled" in found.sensitivity
    assert found.performance.verdict == "ok"
    assert {"accuracy", "auc", "f1"} <= found.performance.metrics.keys()
    assert found.latency_ms == {"p50": 51.0, "p95": 96.0, "p99": 100.0}
    assert alert_of(found) is None


def test_a_shift_is_found_in_the_right_columns_ranked_and_told(production):
    production.answer(draw(2000, 5, pay=0.5, share_a=0.8))
    found = run(production)
    assert found.verdict == "drift"
    assert found.drifted == ["pay", "<script>"]
    assert found.findings[0].interval.low > 0.1
    assert "prediction" in [f.feature for f in found.findings if f.kind == "prediction_drift"]
    alert = alert_of(found)
    lines = alert.text().splitlines()
    assert lines[0] == "🚨 ML Model Alert: Data Drift"
    assert lines[1] == "Model: churn:1 (production)"
    assert lines[2].startswith("Current Drift: 0.")
    assert lines[2].endswith(" in pay (threshold: 0.05)")
    assert lines[5] == "Likely cause: Data drift detected in features:"
    assert lines[6].startswith("- pay (PSI: 0.")
    assert lines[7].startswith("- <script> (PSI: 0.")
    assert lines[9] == (
        "Action: mlwright retrain run --environment production --reason data_drift_detected"
    )


def test_a_changed_outcome_is_degraded_although_nothing_drifted(production):
    ids, scores = production.answer(draw(2000, 5))
    production.label(ids, truths(scores, flip=True))
    found = run(production)
    assert (found.verdict, found.drifted) == ("degraded", [])
    alert = alert_of(found)
    assert alert.kind == "performance_degradation"
    assert alert.text().splitlines()[2].startswith("Current Accuracy: ")
    assert alert.causes == ("No drift found in the features; the outcome may depend on them anew",)
    assert alert.action.endswith("--reason performance_degraded")


def test_drift_is_the_likely_cause_of_degradation(production):
    ids, scores = production.answer(draw(2000, 5, pay=1.0))
    production.label(ids, truths(scores, flip=True))
    found = run(production)
    assert found.verdict == "degraded"
    assert alert_of(found).causes[0] == "Data drift detected in features:"


def test_few_rows_are_never_ok(production):
    production.answer(draw(499, 5, pay=3.0))
    found = run(production)
    assert found.verdict == "not_enough_data"
    assert found.findings == ()
    assert found.sentence == "Not enough data: 499 rows, 500 are needed."
    assert found.sensitivity == (
        "drift is not judged below 500 rows; performance is not judged below 50 labels (0 known)"
    )
    assert alert_of(found) is None


def test_few_rows_can_be_degraded(production):
    ids, scores = production.answer(draw(400, 5))
    production.label(ids, truths(scores, flip=True))
    found = run(production)
    assert found.verdict == "degraded"
    assert "too few rows to look for drift" in alert_of(found).causes[0]


def test_an_empty_window_is_not_enough_data(production):
    found = run(production)
    assert (found.rows, found.verdict) == (0, "not_enough_data")
    assert found.latency_ms == {"p50": None, "p95": None, "p99": None}
    json.dumps(found.to_json(), allow_nan=False)


def test_what_is_left_out_is_counted(production):
    production.answer(draw(600, 5))
    production.answer(draw(30, 6), at=NOON + 10, version=2, route="candidate")
    production.answer(draw(10, 7), at=NOON + 20, route="fallback")
    production.answer(draw(50, 8, pay=9), at=NOON + 7200)
    (production.log / "predictions-9-9.jsonl").write_bytes(b'{"time": 17000')
    found = run(production)
    counts = (found.rows, found.other_rows, found.fallbacks, found.skipped_rows)
    assert counts == (610, 30, 10, 1)


def test_the_default_window_is_the_last_day(production, monkeypatch):
    monkeypatch.setattr("mlwright.core.clock.now", lambda: NOON + 3600)
    production.answer(draw(600, 5))
    production.answer(draw(600, 6), at=NOON - 90_000)
    found = check(production.workspace, "production")
    assert (found.rows, found.until - found.since) == (600, 86_400)


def test_the_json_is_stable_strict_and_kept(production):
    production.answer(draw(700, 5, pay=0.8))
    said = []
    value = run(production, say=said.append).to_json()
    assert said == ["700 rows of churn:1", value["sentence"]]
    text = json.dumps(value, allow_nan=False)
    expected = {"rows", "skipped_rows", "verdict", "drifted", "findings", "performance"}
    expected |= {"model", "version", "since", "until", "labelled"}
    assert expected <= value.keys()
    keys = {"kind", "feature", "method", "statistic", "p_value", "effect", "drifted", "importance"}
    assert keys <= value["findings"][0].keys()
    with production.workspace.state.read() as connection:
        (row,) = connection.execute(select(checks)).all()
    assert (row.environment, row.verdict) == ("production", "drift")
    assert row.result == json.loads(text)


def test_a_feature_that_was_never_sent_is_missing_not_a_crash(production):
    columns = draw(700, 5)
    production.answer(columns)
    for path in production.log.glob("*.jsonl"):
        path.write_bytes(path.read_bytes().replace(b'"age":', b'"years":'))
    found = run(production)
    first = next(f for f in found.findings if f.feature == "age")
    assert (first.kind, first.drifted, first.effect) == ("missing_values", True, 1.0)


def test_a_log_of_another_type_is_named_without_values(production):
    production.answer(draw(700, 5))
    for path in production.log.glob("*.jsonl"):
        path.write_bytes(path.read_bytes().replace(b'"age":', b'"age":"secret","was":'))
    found = run(production)
    words = {one.kind: one.words for one in found.quality}
    assert words == {
        "type_break": "age is no number in 700 rows, counted as missing",
        "all_null": "age has no value in any row",
        "not_in_reference": "was is not in the reference and is not compared",
    }
    assert found.findings[0].kind == "missing_values"
    assert "secret" not in json.dumps(found.to_json())


def test_alerts_are_told_once_and_resolved_by_a_check_that_is_ok(production):
    workspace = production.workspace
    production.answer(draw(700, 5, pay=1.0))
    first, second = run(production), run(production)
    assert not send(workspace, alert_of(first)).duplicate
    assert send(workspace, alert_of(second)).duplicate
    production.answer(draw(700, 6), at=NOON + 4000)
    healed = check(workspace, "production", since=NOON + 4000, until=NOON + 5000)
    assert healed.verdict == "ok"
    assert resolve(workspace, alert_key(healed))
    assert open_alerts(workspace) == []


def test_unknown_and_empty_environments(production):
    with pytest.raises(NotFound) as caught:
        check(production.workspace, "prodution")
    assert str(caught.value) == "no environment named 'prodution'; did you mean 'production'?"
    assert caught.value.hint == "known: production, staging"
    with pytest.raises(NotFound) as caught:
        check(production.workspace, "staging")
    assert str(caught.value) == "nothing answers in staging yet"


def test_a_check_does_not_import_scipy_stats_nor_what_draws(production):
    production.answer(draw(700, 5, pay=1.0))
    code = (
        "import sys; from pathlib import Path\n"
        "from mlwright.core.workspace import Workspace\n"
        "from mlwright.monitor.check import check\n"
        f"found = check(Workspace(Path({str(production.workspace.root)!r})), 'production',"
        f" since={NOON}, until={NOON + 3600})\n"
        "assert found.verdict == 'drift'\n"
        "loaded = {'scipy.stats', 'matplotlib', 'pandas', 'sklearn', 'mlflow', 'jinja2'}\n"
        "assert not loaded & sys.modules.keys(), loaded & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_scores_of_a_window_come_from_the_log(production):
    _, scores = production.answer(draw(700, 5))
    found = run(production)
    assert found.current.score.rows == 700
    assert found.current.score.mean == pytest.approx(float(np.mean(scores)))


def test_columns_that_the_log_leaves_out_or_hashes_are_no_drift(production):
    (production.workspace.root / "mlwright.yaml").write_text(
        "log: {leave_out: [pay], hash: ['<script>']}"
    )
    workspace = Workspace(production.workspace.root)
    columns = draw(900, 3)
    production.answer(columns, at=NOON)
    (path,) = production.log.glob("predictions-*")
    rows = [json.loads(text) for text in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        del row["features"]["pay"]
        row["features"]["<script>"] = f"hash:{number % 2}"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = check(workspace, "production", since=NOON, until=NOON + 60)
    assert (found.verdict, found.drifted) == ("ok", [])
    assert {f.feature for f in found.findings} == {"age", "new", "prediction"}
    assert [one.words for one in found.quality] == [
        "pay is left out of the log or hashed there, and is not compared",
        "<script> is left out of the log or hashed there, and is not compared",
    ]
