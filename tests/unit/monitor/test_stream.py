import numpy as np
import polars as pl
import pytest

from mlwright.core.signature import Signature
from mlwright.monitor.stream import look
from mlwright.monitor.truth import known

BINARY = Signature((), "binary", "y", ("No", "Yes"))
NUMBER = Signature((), "regression", "y")
HOLDOUT = {"log_loss": {"value": 0.5, "low": 0.48, "high": 0.52, "n": 1400}}


def rows(chance, truth_of, count, rng):
    """Answers with this chance of Yes, whose truth is Yes with another."""
    names = np.array(["No", "Yes"])
    return known(
        pl.DataFrame(
            {
                "time": np.arange(float(count)),
                "told": np.arange(float(count)),
                "request_id": [f"r{i}" for i in range(count)],
                "key": pl.Series([None] * count, dtype=pl.String),
                "label": names[(rng.random(count) < truth_of).astype(int)],
                "prediction": ["Yes"] * count,
                "score": np.full(count, chance),
            }
        ),
        BINARY,
    )


def looks(truth_of, count, rng, *, most, line=700.0):
    found, before = None, {}
    for hour in range(most):
        found = look(
            rows(0.8, truth_of, count, rng), HOLDOUT, before, version=1, at=hour * 3600.0, line=line
        )
        before = found.kept()
        if found.risen:
            return hour, found
    return most, found


def test_a_risen_loss_is_found_and_says_since_when():
    hour, found = looks(0.6, 100, np.random.default_rng(1), most=50)
    assert hour <= 12
    assert found.metric == "log_loss"
    assert found.limit == pytest.approx(0.5262)
    assert found.current.low > 0.4
    assert found.since <= 3 * 3600.0
    assert found.to_json()["risen"]


def test_a_month_of_hours_without_a_change_raises_no_alarm():
    rng = np.random.default_rng(2)
    alarms = [looks(0.8, 30, rng, most=720, line=2571.0)[0] < 720 for _ in range(10)]
    assert sum(alarms) <= 1


def test_it_ends_when_the_loss_is_back():
    rng = np.random.default_rng(3)
    _, found = looks(0.5, 100, rng, most=50)
    before = found.kept()
    for hour in range(10):
        found = look(rows(0.8, 0.8, 100, rng), HOLDOUT, before, version=1, at=hour, line=700.0)
        before = found.kept()
    assert not found.risen


def test_another_version_begins_anew():
    rng = np.random.default_rng(4)
    _, found = looks(0.5, 100, rng, most=50)
    fresh = look(rows(0.8, 0.8, 0, rng), HOLDOUT, found.kept(), version=2, at=0.0, line=700.0)
    assert (fresh.risen, fresh.since, fresh.current) == (False, None, None)


def test_a_regression_is_judged_by_its_absolute_error():
    rng = np.random.default_rng(5)
    truth = rng.normal(0, 1, 500)
    table = pl.DataFrame(
        {
            "time": np.arange(500.0),
            "told": np.arange(500.0),
            "request_id": [f"r{i}" for i in range(500)],
            "key": pl.Series([None] * 500, dtype=pl.String),
            "label": [str(value) for value in truth],
            "prediction": [str(value) for value in truth + rng.normal(0, 3, 500)],
            "score": truth,
        }
    )
    holdout = {"mae": {"value": 1.0, "low": 0.95, "high": 1.05, "n": 900}}
    found = look(known(table, NUMBER), holdout, {}, version=1, at=0.0, line=700.0)
    assert (found.metric, found.risen) == ("mae", True)


def test_without_a_baseline_nothing_is_said():
    assert (
        look(rows(0.8, 0.8, 5, np.random.default_rng(6)), {}, {}, version=1, at=0, line=9) is None
    )
