import numpy as np
import pytest

from mlwright.core.signature import Column, Signature
from mlwright.train.candidate import learn
from mlwright.train.folds import Sample
from mlwright.train.frameworks import Problem
from mlwright.train.holdout import judge

SIGNATURE = Signature((Column("x", "number"),), "binary", "y", (0, 1))


def rows(seed, n=600):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return {"x": x}, (rng.random(n) < 1 / (1 + np.exp(-4 * (np.abs(x) - 0.7)))).astype(np.int64)


@pytest.fixture(scope="module")
def candidates():
    columns, target = rows(0)
    problem = Problem("binary", 2, 0)
    return [
        learn(name, problem, SIGNATURE, Sample(columns, target), params={})
        for name in ("lightgbm", "dummy", "linear")
    ]


def test_gain_is_positive_where_the_linear_model_cannot_follow(candidates):
    judged = judge(candidates, *rows(1), task="binary", seed=0)
    assert judged.gain.low > 0.1
    assert judged.gain.value == pytest.approx(
        judged.metrics["linear"]["log_loss"].value - judged.metrics["lightgbm"]["log_loss"].value
    )
    assert judged.metrics["lightgbm"]["auc"].n == 600
    assert judged.metrics["dummy"]["auc"].value == 0.5


def test_a_linear_model_gains_nothing_on_itself(candidates):
    dummy, linear = candidates[1:]
    assert judge([linear, dummy], *rows(1), task="binary", seed=0).gain is None


def test_the_threshold_comes_from_scores_of_unseen_rows(candidates):
    model = candidates[0]
    columns, target = rows(0)
    best = max(
        np.unique(model.unseen_scores),
        key=lambda cut: f1(target, model.unseen_scores >= cut),
    )
    found = f1(target, model.unseen_scores >= model.threshold)
    assert found == pytest.approx(f1(target, model.unseen_scores >= best))
    # In-sample scores are surer of themselves than those of unseen rows.
    assert np.abs(model.scores(columns) - model.unseen_scores).max() > 0.05


def test_importance_sums_to_one(candidates):
    assert candidates[0].importance() == {"x": 1.0}
    assert candidates[1].importance() == {}


def f1(target, decided):
    hits = (target * decided).sum()
    return 2 * hits / (target.sum() + decided.sum())
