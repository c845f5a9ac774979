from dataclasses import replace

import pytest

from mlwright.alerts import open_alerts
from mlwright.core.alert_rules import parse
from mlwright.core.files import write_json
from mlwright.core.workspace import Workspace
from mlwright.monitor.check import check
from mlwright.monitor.failures import failures
from mlwright.monitor.rules import judge
from mlwright.monitor.tell import tell
from mlwright.stats.intervals import Interval, wilson

from .conftest import NOON, draw, truths


def checked(production):
    return check(production.workspace, "production", since=NOON - 60, until=NOON + 3600)


@pytest.fixture
def calm(production):
    ids, scores = production.answer(draw(2000, 3))
    production.label(ids, truths(scores))
    return checked(production)


def verdict(text, found, errors=None):
    (judged,) = judge((parse(text),), found, errors)
    return "told" if judged.alert else "ended" if judged.ended else "as before"


def test_a_rule_speaks_only_beyond_its_interval(calm):
    accuracy = calm.performance.metrics["accuracy"].current
    middle = (accuracy.value + accuracy.high) / 2
    assert verdict(f"accuracy < {accuracy.high + 0.01:.4f}", calm) == "told"
    assert verdict(f"accuracy < {middle:.4f}", calm) == "as before"
    assert verdict(f"accuracy < {accuracy.low - 0.01:.4f}", calm) == "ended"


def test_latency_drift_and_errors_are_held_against_their_rules(calm):
    assert verdict("p95 > 50ms", calm) == "told"
    assert verdict("p95 > 500ms", calm) == "ended"
    assert verdict("> 3 features drifted", calm) == "ended"
    assert verdict("error rate > 1%", calm) == "as before"
    assert verdict("error rate > 1%", calm, wilson(50, 1000)) == "told"
    assert verdict("error rate > 1%", calm, wilson(2, 100)) == "as before"
    assert verdict("error rate > 1%", calm, wilson(1, 1000)) == "ended"
    assert verdict("mae > 3", calm) == "as before"


def test_a_few_rows_make_no_percentile(calm):
    assert verdict("p95 > 50ms", replace(calm, rows=99)) == "as before"


def test_the_alert_says_what_against_what(calm):
    (judged,) = judge((parse("error rate > 1%"),), calm, Interval(0.05, 0.04, 0.0651, 1000))
    assert judged.alert.text().splitlines()[:3] == [
        "🚨 ML Model Alert: High Error Rate",
        "Model: churn:1 (production)",
        "Current error rate: 5% (4% to 6.51%), n=1,000 (threshold: error rate > 1%)",
    ]
    assert judged.alert.action == "mlwright status production, then mlwright rollback production"
    assert judged.alert.key == "production/churn:rule/error rate > 1%"


def configured(production, *rules):
    lines = "".join(f"    - '{rule}'\n" for rule in rules)
    path = production.workspace.root / "mlwright.yaml"
    path.write_text(f"alerts:\n  rules:\n{lines}")
    return Workspace(production.workspace.root)


def test_a_rule_is_told_once_and_ends(production, calm):
    workspace = configured(production, "p95 > 50ms")
    for _ in range(2):
        tell(workspace, calm)
    assert [alert.kind for alert in open_alerts(workspace)] == ["high_latency"]
    tell(workspace, replace(calm, latency_ms={"p50": 1.0, "p95": 2.0, "p99": 3.0}))
    assert open_alerts(workspace) == []
    text = (workspace.root / "alerts.txt").read_text()
    assert (text.count("🚨"), text.count("✅")) == (1, 1)


def test_a_rule_on_drift_stands_in_the_place_of_the_default(production):
    production.answer(draw(2000, 5, pay=1.0))
    found = checked(production)
    assert found.verdict == "drift"
    workspace = configured(production, "> 3 features drifted")
    tell(workspace, found)
    assert open_alerts(workspace) == []
    workspace = configured(production, ">= 1 features drifted")
    tell(workspace, found)
    (alert,) = open_alerts(workspace)
    assert alert.kind == "data_drift"
    assert alert.value.endswith("n=2,000")


def test_a_check_that_is_ok_leaves_a_broken_rule_open(production, calm):
    workspace = configured(production, "p95 > 50ms")
    assert calm.verdict == "ok"
    tell(workspace, calm)
    assert len(open_alerts(workspace)) == 1


def test_failures_are_those_since_the_last_look(tmp_path):
    log = tmp_path / "log"
    counts = tmp_path / "run" / "metrics-7.json"
    counts.parent.mkdir()
    assert failures(log) is None

    def count(good, bad):
        kept = {'status="200"': good, 'status="503"': bad}
        write_json(counts, {"counters": {"requests_total": kept}})
        return failures(log)

    assert count(90, 10) == wilson(10, 100)
    assert count(190, 10) == wilson(0, 100)
    assert count(190, 10) is None
    assert count(5, 5) == wilson(5, 10)  # the counts began anew
