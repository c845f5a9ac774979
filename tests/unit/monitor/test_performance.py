import numpy as np
import polars as pl
import pytest

from mlwright.core.signature import Signature
from mlwright.monitor import performance
from mlwright.monitor.performance import FEWEST_LABELS, RULE
from mlwright.monitor.truth import known

BINARY = Signature((), "binary", "y", ("No", "Yes"))


def measure(labelled, signature, baseline, *, rows, judged=True):
    timed = labelled.with_row_index("time").with_columns(
        pl.col("time").cast(pl.Float64), told=pl.col("time") + 60.0
    )
    return performance.measure(known(timed, signature), baseline, rows=rows, judged=judged)


def table(rows, accuracy, *, seed=0, keys=None):
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < 0.5
    says = np.where(rng.random(rows) < accuracy, truth, ~truth)
    names = np.array(["No", "Yes"])
    return pl.DataFrame(
        {
            "request_id": [f"r{i}" for i in range(rows)],
            "key": keys or pl.Series([None] * rows, dtype=pl.String),
            "label": names[truth.astype(int)],
            "prediction": names[says.astype(int)],
            "score": np.where(says, 0.8, 0.2),
        }
    )


def baseline(value, half=0.02, **others):
    return {"accuracy": {"value": value, "low": value - half, "high": value + half, "n": 1400}}


def test_as_good_as_before():
    found = measure(table(1000, 0.8), BINARY, baseline(0.8), rows=4000)
    assert (found.verdict, found.labelled, found.coverage) == ("ok", 1000, 0.25)
    assert [name for name, metric in found.metrics.items() if metric.baseline] == ["accuracy"]
    assert not any(metric.worse for metric in found.metrics.values())
    assert found.metrics["accuracy"].current.n == 1000
    assert found.to_json()["rule"] == RULE


def test_worse_beyond_doubt_is_degraded():
    found = measure(table(1000, 0.7), BINARY, baseline(0.8), rows=1000)
    assert found.verdict == "degraded"
    assert found.metrics["accuracy"].worse


def test_better_is_not_degraded():
    assert measure(table(1000, 0.95), BINARY, baseline(0.8), rows=1000).verdict == "ok"


def test_a_difference_within_doubt_is_not_degraded():
    assert measure(table(100, 0.75), BINARY, baseline(0.8), rows=100).verdict == "ok"


def test_a_small_difference_is_not_degraded_however_sure():
    found = measure(table(10_000, 0.785), BINARY, baseline(0.8, half=0.001), rows=10_000)
    metric = found.metrics["accuracy"]
    assert metric.current.high < metric.baseline.low
    assert found.verdict == "ok"


def test_few_labels_are_not_enough():
    found = measure(table(FEWEST_LABELS - 1, 0.1), BINARY, baseline(0.8), rows=1000)
    assert (found.verdict, found.labelled, dict(found.metrics)) == ("not_enough_data", 49, {})
    assert measure(table(FEWEST_LABELS, 0.1), BINARY, baseline(0.8), rows=9).verdict == "degraded"


def test_labels_that_are_no_class_are_counted():
    rows = table(200, 0.8).with_columns(label=pl.lit("perhaps"))
    found = measure(pl.concat([table(200, 0.8), rows]), BINARY, baseline(0.8), rows=400)
    assert (found.labelled, found.strange) == (200, 200)


def test_calibration_alone_is_never_degraded():
    before = {"ece": {"value": 0.001, "low": 0.0005, "high": 0.002, "n": 9000}}
    found = measure(table(500, 0.99), BINARY, before, rows=500)
    assert found.metrics["ece"].current.low > 0.1
    assert found.verdict == "ok"


def test_rows_of_one_key_are_one_unit():
    keys = [f"k{i // 10}" for i in range(1000)]
    found = measure(table(1000, 0.8, keys=keys), BINARY, baseline(0.8), rows=1000)
    assert found.metrics["accuracy"].current.n == 100


def test_errors_in_the_targets_unit_are_judged_relatively():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1000, 2000)
    rows = pl.DataFrame(
        {
            "request_id": [str(i) for i in range(2000)],
            "key": pl.Series([None] * 2000, dtype=pl.String),
            "label": [str(value) for value in truth],
            "prediction": [str(value + 100) for value in truth],
            "score": truth + 100,
        }
    )
    signature = Signature((), "regression", "y")
    for before, verdict in ((99.0, "ok"), (95.0, "degraded")):
        known = {"mae": {"value": before, "low": before - 0.1, "high": before + 0.1, "n": 900}}
        assert measure(rows, signature, known, rows=2000).verdict == verdict


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        ((False, True), ["true", "false", "True", "False"]),
        ((0, 1), ["0", "1", "1.0", "0.0"]),
        ((0.0, 1.0), ["0", "1", "1.0", "0.0"]),
        (("0", "1"), ["0", "1", "1", "0"]),
    ],
)
def test_labels_are_recognised_however_they_are_written(classes, labels):
    rows = table(200, 0.8).with_columns(
        label=pl.Series(labels * 50), prediction=pl.Series(labels[:2] * 100)
    )
    found = measure(rows, Signature((), "binary", "y", classes), baseline(0.5), rows=200)
    assert (found.labelled, found.strange) == (200, 0)


def test_several_classes():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 600)
    scores = np.full((600, 3), 0.1)
    scores[np.arange(600), truth] = 0.8
    rows = pl.DataFrame(
        {
            "request_id": [str(i) for i in range(600)],
            "key": pl.Series([None] * 600, dtype=pl.String),
            "label": [f"c{i}" for i in truth],
            "prediction": [f"c{i}" for i in truth],
            "score": scores.tolist(),
        }
    )
    signature = Signature((), "multiclass", "y", ("c0", "c1", "c2"))
    found = measure(rows, signature, baseline(0.9), rows=600)
    assert found.metrics["accuracy"].current.value == 1.0


def test_a_window_of_a_stream_calls_nothing_worse():
    found = measure(table(1000, 0.7), BINARY, baseline(0.8), rows=1000, judged=False)
    assert found.verdict == "ok"
    assert not found.metrics["accuracy"].worse


def test_how_long_labels_took_is_said():
    found = measure(table(100, 0.8), BINARY, baseline(0.8), rows=100)
    assert found.lag_seconds == {"p50": 60.0, "p95": 60.0}
    assert measure(table(0, 0.8), BINARY, baseline(0.8), rows=10).lag_seconds is None
