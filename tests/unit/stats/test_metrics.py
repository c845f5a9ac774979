import re

import numpy as np
import pytest
from sklearn import metrics as oracle

from mlwright.stats.metrics import HIGHER_IS_BETTER, losses, measure, metric_names


def binary(seed, n=300, decimals=1):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(n), decimals)
    y = (rng.random(n) < scores).astype(int)
    return y, (scores >= 0.5).astype(int), scores, rng.integers(0, 4, n).astype(float)


def multiclass(seed, n=300, k=4):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(k), n)
    y = (scores.cumsum(1) < rng.random((n, 1))).sum(1).clip(max=k - 1)
    return y, scores.argmax(1), scores, rng.integers(1, 4, n).astype(float)


@pytest.mark.parametrize("decimals", [1, 9])
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_equals_scikit_learn(decimals, weighted):
    y, prediction, scores, weights = binary(decimals, decimals=decimals)
    w = weights if weighted else None
    ours = measure("binary", y, prediction, scores, weights=w)
    theirs = {
        "accuracy": oracle.accuracy_score(y, prediction, sample_weight=w),
        "precision": oracle.precision_score(y, prediction, sample_weight=w),
        "recall": oracle.recall_score(y, prediction, sample_weight=w),
        "f1": oracle.f1_score(y, prediction, sample_weight=w),
        "auc": oracle.roc_auc_score(y, scores, sample_weight=w),
        "average_precision": oracle.average_precision_score(y, scores, sample_weight=w),
        "log_loss": oracle.log_loss(y, scores, sample_weight=w),
        "ece": by_hand_ece(y, scores, np.ones(len(y)) if w is None else w),
    }
    assert tuple(ours) == metric_names("binary") == tuple(theirs)
    assert ours == pytest.approx(theirs, abs=1e-12)


def by_hand_ece(outcome, chance, weights):
    total = 0.0
    for k in range(10):
        inside = (np.floor(chance * 10).clip(max=9) == k) & (weights > 0)
        if inside.any():
            share = np.average(outcome[inside], weights=weights[inside])
            mean = np.average(chance[inside], weights=weights[inside])
            total += weights[inside].sum() * abs(share - mean)
    return total / weights.sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_multiclass_equals_scikit_learn(weighted):
    y, prediction, scores, weights = multiclass(5)
    w = weights if weighted else None
    ours = measure("multiclass", y, prediction, scores, weights=w)
    macro = {"average": "macro", "sample_weight": w}
    one_against_rest = [
        oracle.roc_auc_score(y == k, scores[:, k], sample_weight=w) for k in range(4)
    ]
    theirs = {
        "accuracy": oracle.accuracy_score(y, prediction, sample_weight=w),
        "precision": oracle.precision_score(y, prediction, **macro),
        "recall": oracle.recall_score(y, prediction, **macro),
        "f1": oracle.f1_score(y, prediction, **macro),
        "auc": np.mean(one_against_rest),
        "log_loss": oracle.log_loss(y, scores, sample_weight=w),
        "ece": by_hand_ece(
            (prediction == y).astype(float),
            scores.max(1),
            np.ones(len(y)) if w is None else w,
        ),
    }
    assert tuple(ours) == metric_names("multiclass")
    assert ours == pytest.approx(theirs, abs=1e-12)
    if not weighted:
        assert ours["auc"] == pytest.approx(oracle.roc_auc_score(y, scores, multi_class="ovr"))


@pytest.mark.parametrize("weighted", [False, True])
def test_regression_equals_scikit_learn(weighted):
    rng = np.random.default_rng(8)
    y = rng.normal(1e4, 3, 200)
    prediction = y + rng.normal(size=200)
    w = rng.integers(0, 4, 200).astype(float) if weighted else None
    ours = measure("regression", y, prediction, None, weights=w)
    theirs = {
        "mae": oracle.mean_absolute_error(y, prediction, sample_weight=w),
        "rmse": oracle.root_mean_squared_error(y, prediction, sample_weight=w),
        "r2": oracle.r2_score(y, prediction, sample_weight=w),
    }
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_a_class_never_predicted_counts_as_zero():
    y, prediction = [0, 1, 2, 2], [0, 1, 1, 1]
    ours = measure("multiclass", y, prediction, None)
    for name, score in (("precision", oracle.precision_score), ("f1", oracle.f1_score)):
        theirs = score(y, prediction, average="macro", zero_division=0.0)
        assert ours[name] == pytest.approx(theirs)
    assert "log_loss" not in ours


def test_what_does_not_exist_is_left_out():
    one_class = measure("binary", [0, 0], [0, 0], [0.2, 0.1])
    assert set(one_class) == {"accuracy", "log_loss", "ece"}
    one_value = measure("regression", [0.1] * 7, [0.1] * 7, None)
    assert set(one_value) == {"mae", "rmse"}
    assert set(measure("binary", [0, 1], [0, 1], None)) == set(metric_names("binary")[:4])
    absent = measure("multiclass", [0, 0], [0, 0], [[0.9, 0.1, 0.0]] * 2)
    assert "auc" not in absent
    assert absent["f1"] == 1.0


def test_losses_average_to_the_metric():
    y, prediction, scores, _ = binary(2)
    found = measure("binary", y, prediction, scores)["log_loss"]
    assert losses("binary", y, scores).mean() == pytest.approx(found)
    y, _, table, _ = multiclass(2)
    assert losses("multiclass", y, table).mean() == pytest.approx(oracle.log_loss(y, table))
    assert np.isfinite(losses("binary", [1, 0], [0.0, 1.0])).all()


def test_every_metric_has_a_direction():
    names = {name for task in ("binary", "multiclass", "regression") for name in metric_names(task)}
    assert names == set(HIGHER_IS_BETTER)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("binary", [0, 2], [0, 1], None), "y_true must be class indices 0..1."),
        (("binary", [0, 1], [0, 0.5], None), "prediction must be class indices 0..1."),
        (("binary", [0, 1], [0, 1], [0.1, 1.2]), "scores must be probabilities between 0 and 1."),
        (
            ("binary", [0, 1], [0, 1], [0.1]),
            "Arrays of one length are needed: y_true has 2, scores has 1.",
        ),
        (
            ("multiclass", [0, 1], [0, 1], [0.1, 0.2]),
            "scores of several classes must have shape (n, k), got (2,).",
        ),
        (("regression", [np.nan], [1.0], None), "y_true holds 1 NaN; leave those rows out."),
        (
            ("ranking", [0], [0], None),
            "Unknown task 'ranking'; one of binary, multiclass, regression.",
        ),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        measure(*arguments)


def test_weights_are_checked():
    with pytest.raises(ValueError, match=r"^weights must be one number a row, none of them neg"):
        measure("binary", [0, 1], [0, 1], None, weights=[1.0, -1.0])
