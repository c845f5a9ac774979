import re

import numpy as np
import polars as pl
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import ConfigError
from mlwright.data.schema import columns
from mlwright.stats.metrics import losses, measure
from mlwright.train.calibrate import (
    calibrate,
    check_choices,
    cross_calibrated,
)
from mlwright.train.choices import Choices
from mlwright.train.fit import train


def unsure(seed, n=4000):
    """Scores that are too sure of themselves: the truth has half their logit."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 3, n)
    truth = (rng.random(n) < 1 / (1 + np.exp(-logit / 2))).astype(np.int64)
    return truth, 1 / (1 + np.exp(-logit))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_scores_that_are_too_sure_are_mended(method):
    truth, scores = unsure(0)
    mended = calibrate(method, truth, scores, weights=None)
    unseen, raw = unsure(1)
    after = mended.apply(raw)
    before = measure("binary", unseen, unseen, raw)
    found = measure("binary", unseen, unseen, after)
    assert found["ece"] < 0.03 < 0.08 < before["ece"]
    assert found["log_loss"] < before["log_loss"] - 0.05
    assert abs(found["auc"] - before["auc"]) < 0.002
    assert (np.diff(mended.apply(np.linspace(0, 1, 200))) >= 0).all()


def test_the_sigmoid_is_platts():
    truth, scores = unsure(2)
    line = calibrate("sigmoid", truth, scores, weights=None)
    logit = np.log(scores / (1 - scores))[:, None]
    platt = LogisticRegression(C=np.inf).fit(logit, truth).predict_proba(logit)[:, 1]
    assert np.abs(line.apply(scores) - platt).max() < 2e-3  # his targets and the points


def test_the_isotonic_line_goes_through_the_level_parts():
    truth, scores = unsure(3)
    line = calibrate("isotonic", truth, scores, weights=None).lines[0]
    steps = IsotonicRegression().fit(scores, truth).predict(scores)
    inside = (line.y > 0.01) & (line.y < 0.99)
    assert set(np.round(line.y[inside], 9)) <= set(np.round(steps, 9))


def test_weights_count_as_rows():
    truth, scores = unsure(4, 300)
    weights = np.random.default_rng(0).integers(0, 4, 300)
    for method in ("sigmoid", "isotonic"):
        repeated = calibrate(
            method, np.repeat(truth, weights), np.repeat(scores, weights), weights=None
        )
        weighted = calibrate(method, truth, scores, weights=weights.astype(float))
        assert np.allclose(weighted.apply(scores), repeated.apply(scores), atol=1e-9)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_odd_scores_are_no_trouble(method):
    same = calibrate(method, np.array([0, 1, 1, 0, 1]), np.full(5, 0.4), weights=None)
    assert same.apply(np.array([0.4]))[0] == pytest.approx(0.6, abs=0.05)
    truth = np.array([0] * 50 + [1] * 50)
    certain = calibrate(method, truth, truth.astype(float), weights=None)
    low, high = certain.apply(np.array([0.0, 1.0]))
    assert 0 < low < 0.05
    assert 0.95 < high < 1
    turned = calibrate(method, 1 - truth, truth * 0.5 + 0.2, weights=None)
    assert (np.diff(turned.apply(np.linspace(0, 1, 50))) >= 0).all()


def test_several_classes_sum_to_one():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 900)
    raw = np.eye(3)[truth] * 2 + rng.random((900, 3)) * 3
    scores = raw / raw.sum(axis=1, keepdims=True)
    found = calibrate("isotonic", truth, scores, weights=None).apply(scores)
    assert np.allclose(found.sum(axis=1), 1)
    before = measure("multiclass", truth, scores.argmax(axis=1), scores)
    after = measure("multiclass", truth, found.argmax(axis=1), found)
    assert after["log_loss"] < before["log_loss"]


@pytest.mark.parametrize(
    ("choices", "task", "message", "hint"),
    [
        (
            Choices(calibration="sigmoid"),
            "regression",
            "model.calibration: sigmoid: the target is a number, and only probabilities are "
            "calibrated",
            "leave model.calibration out, or predict a class",
        ),
        (
            Choices(threshold="accuracy"),
            "multiclass",
            "model.threshold: accuracy: only a model of two classes has a threshold, this task is "
            "multiclass",
            "leave model.threshold out",
        ),
        (
            Choices(threshold="acuracy"),
            "binary",
            "model.threshold: 'acuracy' is no rule for a threshold; did you mean 'accuracy'?",
            "give one of f1, accuracy, balanced_accuracy, a cost such as cost:fp=1,fn=5, or a "
            "number between 0 and 1",
        ),
        *(
            (
                Choices(threshold=rule),
                "binary",
                f"model.threshold: {rule!r} is no rule for a threshold",
                "give one of f1, accuracy, balanced_accuracy, a cost such as cost:fp=1,fn=5, or a "
                "number between 0 and 1",
            )
            for rule in ("1.5", "cost:fp=0,fn=5", "cost:fp=1", "cost:fp=1e,fn=--", "nan")
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_fitted(choices, task, message, hint):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$") as caught:
        check_choices(choices, task)
    assert caught.value.hint == hint


def test_a_calibrated_model_is_calibrated_wherever_it_answers(workspace, churn):
    choices = Choices(calibration="isotonic", threshold="cost:fp=1,fn=5")
    bundle = train(
        workspace, churn, target="Churn", name="churn", choices=choices, baselines=False
    ).bundle
    again = Bundle.open(bundle.path)
    assert again.calibration.method == "isotonic"
    assert again.parity["flipped"] == 0
    table = columns(churn, again.signature)
    scores = again.model().scores(table)
    plain = again.model()._runtime.runtime.scores(again.plan.encode(table))
    # A table may be scored by the booster itself, where that was measured to be faster.
    assert scores == pytest.approx(again.calibration.apply(plain), abs=1e-9)
    assert np.abs(scores - plain).max() > 0.001
    row = {c.name: None if c.nullable else churn[c.name][1] for c in again.signature.inputs}
    answer = again.model().predict_rows([row])
    assert 0 < answer.scores[0] < 1
    told = again.model().predict_rows([sample["features"] for sample in again.samples])
    assert [sample["score"] for sample in again.samples] == pytest.approx(told.scores, abs=1e-9)
    cheap = train(
        workspace,
        churn,
        target="Churn",
        name="churn",
        choices=Choices(threshold="cost:fp=5,fn=1"),
        baselines=False,
    )
    assert cheap.threshold > again.threshold


def test_without_a_calibration_nothing_changes(workspace):
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"x": rng.random(60), "y": rng.integers(0, 2, 60)})
    bundle = train(
        workspace, table, target="y", name="m", algorithm="linear", baselines=False
    ).bundle
    assert bundle.calibration is None
    assert "calibration.json" not in bundle.files


def test_what_scores_mean_is_kept_where_they_stay_as_they_are(workspace, churn):
    """Estimates without labels use it, and nothing that is answered changes."""

    def kept(**asked):
        given = {"target": "Churn", "name": "churn", "baselines": False, **asked}
        return Bundle.open(train(workspace, churn, **given).bundle.path)

    plain = kept()
    scores = plain.model().scores(columns(churn, plain.signature))
    assert plain.meaning.method == "isotonic"
    assert (np.diff(plain.meaning.apply(np.sort(scores))) >= 0).all()
    assert 0 <= plain.metrics["meaning"]["ece"]["value"] < 0.2
    assert plain.calibration is None
    calibrated = kept(choices=Choices(calibration="isotonic"))
    number = kept(target="tenure", name="months")
    for bundle in (calibrated, number):
        assert bundle.meaning is None
        assert "meaning" not in bundle.metrics


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_no_row_calibrates_its_own_score(method):
    truth, scores = unsure(5, 200)
    fold = np.arange(200) % 4
    found = cross_calibrated(method, truth, scores, fold=fold, weights=None)
    turned = np.where(fold == 0, 1 - truth, truth)
    again = cross_calibrated(method, turned, scores, fold=fold, weights=None)
    assert np.array_equal(again[fold == 0], found[fold == 0])
    assert not np.array_equal(again[fold == 1], found[fold == 1])


def test_a_calibration_is_judged_by_rows_that_it_was_not_fitted_on():
    rng = np.random.default_rng(0)
    fitted, crossed, unseen = [], [], []
    for _ in range(100):
        chance = rng.random(100)
        truth, later = rng.random((2, 100)) < chance
        line = calibrate("isotonic", truth, chance, weights=None)
        one_fold = np.zeros(100, dtype=np.int64)
        found = cross_calibrated("isotonic", truth, chance, fold=one_fold, weights=None)
        fitted.append(losses("binary", truth, line.apply(chance)).mean())
        crossed.append(losses("binary", truth, found).mean())
        unseen.append(losses("binary", later, line.apply(chance)).mean())
    assert np.mean(fitted) < np.mean(unseen) - 0.02
    assert abs(np.mean(crossed) - np.mean(unseen)) < 0.03
