import numpy as np
import pytest
from scipy.stats import bootstrap as oracle

from mlwright.stats.bootstrap import (
    bootstrap_metrics,
    paired_difference,
    paired_metric_difference,
)
from mlwright.stats.metrics import measure


def sample(seed, n=400):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(n), 2)
    y = (rng.random(n) < scores).astype(int)
    return y, (scores >= 0.5).astype(int), scores


def test_every_metric_gets_the_interval_of_plain_resampling():
    y, prediction, scores = sample(1)
    ours = bootstrap_metrics("binary", y, prediction, scores, repeats=2000)
    rng = np.random.default_rng(7)
    plain = []
    for _ in range(1000):
        rows = rng.integers(0, len(y), len(y))
        plain.append(measure("binary", y[rows], prediction[rows], scores[rows]))
    values = measure("binary", y, prediction, scores)
    assert set(ours) == set(values)
    for name, interval in ours.items():
        low, high = np.quantile([repeat[name] for repeat in plain], [0.025, 0.975])
        width = high - low
        assert interval.value == values[name]
        assert interval.n == 400
        assert interval.low == pytest.approx(min(low, interval.value), abs=0.15 * width)
        assert interval.high == pytest.approx(max(high, interval.value), abs=0.15 * width)


def test_a_paired_difference_agrees_with_scipy():
    rng = np.random.default_rng(2)
    first, second = rng.normal(1, 1, 200), rng.normal(0.8, 1, 200)
    ours = paired_difference(first, second, repeats=5000)
    theirs = oracle((first - second,), np.mean, method="percentile", rng=1).confidence_interval
    assert ours.value == pytest.approx((first - second).mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_the_interval_misses_as_often_as_it_says():
    rng = np.random.default_rng(3)
    missed = 0
    for seed in range(300):
        found = paired_difference(rng.normal(0.3, 1, 80), np.zeros(80), seed=seed, repeats=500)
        missed += not found.low <= 0.3 <= found.high
    assert 5 <= missed <= 30  # 5% of 300


def test_units_widen_the_interval_when_rows_repeat_each_other():
    rng = np.random.default_rng(4)
    losses = np.repeat(rng.normal(size=60), 10)
    units = np.repeat(np.arange(60), 10)
    order = rng.permutation(600)
    by_row = paired_difference(losses, np.zeros(600))
    by_unit = paired_difference(losses[order], np.zeros(600), units=units[order])
    ratio = (by_unit.high - by_unit.low) / (by_row.high - by_row.low)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.15)
    assert (by_row.n, by_unit.n) == (600, 60)
    metrics = bootstrap_metrics("regression", losses, np.zeros(600), None, units=units)
    assert metrics["mae"].n == 60


def test_units_may_be_words_of_unequal_size():
    found = paired_difference([3.0, 3.0, 0.0], [0.0, 0.0, 0.0], units=["a", "a", "b"])
    assert found.value == 2.0
    assert (found.low, found.high) == (0.0, 3.0)


def test_a_paired_metric_is_tighter_than_two_separate_ones():
    y, prediction, scores = sample(5)
    other = np.clip(scores + np.random.default_rng(6).normal(0, 0.02, len(y)), 0, 1)
    found = paired_metric_difference(
        "binary", "auc", y, prediction, scores, prediction, other, repeats=500
    )
    alone = bootstrap_metrics("binary", y, prediction, scores, repeats=500)["auc"]
    assert found.high - found.low < 0.3 * (alone.high - alone.low)
    assert found.low <= found.value <= found.high
    expected = measure("binary", y, prediction, scores)["auc"]
    expected -= measure("binary", y, prediction, other)["auc"]
    assert found.value == pytest.approx(expected)


def test_a_seed_gives_the_same_interval_twice():
    y, prediction, scores = sample(9)
    first, second = (
        bootstrap_metrics("binary", y, prediction, scores, seed=4, repeats=50) for _ in range(2)
    )
    assert first == second
    assert first != bootstrap_metrics("binary", y, prediction, scores, seed=5, repeats=50)


def test_repeats_without_the_metric_are_left_out():
    found = bootstrap_metrics("binary", [1, 0, 0, 0], [1, 0, 0, 0], [0.9, 0.1, 0.2, 0.3])
    assert (found["auc"].low, found["auc"].high) == (1.0, 1.0)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"^A bootstrap needs at least two units\.$"):
        paired_difference([1.0, 2.0], [0.0, 0.0], units=["a", "a"])
    with pytest.raises(
        ValueError, match=r"^units must hold one id a row: 2 rows, got shape \(1,\)\.$"
    ):
        paired_difference([1.0, 2.0], [0.0, 0.0], units=["a"])
    with pytest.raises(
        ValueError, match=r"^auc is not measured for a binary task with these scores\.$"
    ):
        paired_metric_difference("binary", "auc", [0, 1], [0, 1], None, [0, 1], None)
    chances = [0.1, 0.2]
    with pytest.raises(ValueError, match=r"^auc does not exist for this sample\.$"):
        paired_metric_difference("binary", "auc", [0, 0], [0, 0], chances, [0, 0], chances)
