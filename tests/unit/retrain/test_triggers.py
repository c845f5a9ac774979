from dataclasses import replace

import pytest

from mlwright.core.settings import Retrain
from mlwright.retrain.triggers import WEEK, Due, Facts, NotDue, decide

DAY = 86_400.0
NOW = 100 * DAY
CALM = Facts(
    verdict="ok",
    checked=NOW - 60,
    drifted=(),
    began=NOW - 2 * DAY,
    ever=True,
    this_week=1,
    new_labels=40,
)
DRIFT = replace(CALM, verdict="drift", drifted=("a", "b"))


def test_nothing_fires_where_nothing_happened():
    assert decide(Retrain(), CALM, now=NOW) == NotDue("no trigger has fired")


def test_drift_gives_its_features():
    assert decide(Retrain(), DRIFT, now=NOW) == Due("drift", "data_drift_detected", ("a", "b"))


def test_performance_goes_before_drift_and_may_be_the_only_trigger():
    degraded = replace(DRIFT, verdict="degraded")
    assert decide(Retrain(), degraded, now=NOW).kind == "performance"
    only = Retrain(triggers=("performance",))
    assert decide(only, DRIFT, now=NOW) == NotDue("no trigger has fired")


def test_a_check_before_the_last_retraining_was_answered_already():
    old = replace(DRIFT, checked=NOW - 3 * DAY)
    assert isinstance(decide(Retrain(), old, now=NOW), NotDue)


@pytest.mark.parametrize(("schedule", "days"), [("daily", 1), ("weekly", 7), ("monthly", 30)])
def test_the_calendar(schedule, days):
    settings = Retrain(schedule=schedule, cool_down=0)
    assert isinstance(decide(settings, replace(CALM, began=NOW - days * DAY + 1), now=NOW), NotDue)
    assert decide(settings, replace(CALM, began=NOW - days * DAY), now=NOW).reason == schedule


def test_new_labels():
    settings = Retrain(new_labels=40)
    assert decide(settings, CALM, now=NOW).reason == "40 new labels"
    assert isinstance(decide(settings, replace(CALM, new_labels=39), now=NOW), NotDue)


def test_it_cools_down():
    hot = replace(DRIFT, began=NOW - 3600, checked=NOW)
    assert decide(Retrain(), hot, now=NOW) == NotDue(
        "data_drift_detected, but it cools down until 1970-04-11T23:00:00Z"
    )


def test_a_week_has_a_budget():
    spent = replace(DRIFT, this_week=3)
    assert decide(Retrain(), spent, now=NOW) == NotDue(
        "data_drift_detected, but 3 retrainings in 7 days are the whole budget"
    )
    assert WEEK == 7 * DAY
