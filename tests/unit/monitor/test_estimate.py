from dataclasses import replace

import numpy as np
import pytest

from mlwright.core.alert_rules import parse
from mlwright.monitor.check import check
from mlwright.monitor.estimate import of_profile
from mlwright.monitor.exporter import text
from mlwright.monitor.report import report
from mlwright.monitor.report_page import page
from mlwright.monitor.rules import judge
from mlwright.stats.metrics import measure

from .conftest import NOON, draw, truths

DAY = 86_400.0


def run(production, at=NOON):
    return check(production.workspace, "production", since=at, until=at + 3600)


def test_without_a_label_the_check_says_what_to_expect(production):
    _, scores = production.answer(draw(2000, 3, pay=0.5))
    found = run(production).estimate
    assert found.reliable
    labels = np.random.default_rng(0).random((20, 2000)) < scores
    true = [measure("binary", each, scores >= 0.5, scores)["auc"] for each in labels]
    assert found.metrics["auc"].value == pytest.approx(np.mean(true), abs=0.005)
    assert found.to_json()["condition"].startswith("no concept drift: ")


def test_too_few_rows_have_none(production):
    production.answer(draw(499, 3))
    found = run(production)
    assert found.estimate is None
    assert found.to_json()["estimate"] is None


def test_labels_that_agree_leave_it_and_those_that_do_not_doubt_it(production):
    ids, scores = production.answer(draw(1500, 3))
    production.label(ids[:300], truths(scores[:300]))
    assert run(production).estimate.reliable
    production.label(ids[:300], truths(scores[:300], flip=True))
    found = run(production).estimate
    assert not found.reliable
    assert [doubt.split(": ")[1].split()[0] for doubt in found.doubts] == ["accuracy", "auc", "log"]


def test_late_labels_of_an_earlier_day_doubt_the_rows_of_today(production):
    ids, scores = production.answer(draw(400, 3), at=NOON - 2 * DAY)
    production.answer(draw(1000, 4))
    assert run(production).estimate.reliable
    production.label(ids, truths(scores, flip=True))
    assert run(production).labelled == 0
    assert "400 labelled rows contradict it" in run(production).estimate.doubts[0]


def test_rows_beyond_what_the_model_has_seen_doubt_it(production):
    production.answer(draw(1000, 3, pay=6.0))
    (doubt,) = run(production).estimate.doubts
    assert doubt.startswith("beyond what the model has seen: pay lies outside the reference's ")


def test_a_rule_of_it_speaks_while_it_is_reliable(production):
    production.answer(draw(2000, 3))
    found = run(production)
    (told,) = judge((parse("estimated auc < 99%"),), found, None)
    assert told.alert.what == "Estimated AUC"
    assert told.alert.kind == "performance_degradation"
    (ended,) = judge((parse("estimated auc < 40%"),), found, None)
    assert ended.ended
    doubted = replace(found, estimate=replace(found.estimate, doubts=("so",)))
    (silent,) = judge((parse("estimated auc < 99%"),), doubted, None)
    assert (silent.alert, silent.ended) == (None, False)


def test_prometheus_gets_it(production):
    production.answer(draw(1000, 3))
    run(production)
    assert 'metric="estimated_auc"} 0.' in text(production.workspace)


def test_counted_scores_give_the_same_as_rows(production):
    production.answer(draw(2000, 3))
    found = run(production)
    counted = of_profile(found.current.score, production.bundle, fewest=500)
    for name, value in found.estimate.metrics.items():
        assert counted[name].value == pytest.approx(value.value, abs=0.003)


def test_the_report_shows_it_with_its_condition(production):
    production.answer(draw(2000, 3))
    made = report(production.workspace, "production", since=NOON - 60, until=NOON + 3600)
    shown = page(made)
    assert made.to_json()["estimate"]["reliable"]
    assert "Estimated without labels" in shown
    assert "no concept drift" in shown
