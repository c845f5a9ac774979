import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from mlwright.stats.ranking import Ranking, ratio


@pytest.mark.parametrize("decimals", [1, 9])
def test_many_weightings_at_once_equal_scikit_learn_one_by_one(decimals):
    rng = np.random.default_rng(decimals)
    scores = np.round(rng.random(80), decimals)
    y = (rng.random(80) < scores).astype(int)
    weights = rng.integers(0, 3, (20, 80)).astype(float)
    ranking = Ranking(y, scores)
    for ours, theirs in (
        (ranking.auc(weights), roc_auc_score),
        (ranking.average_precision(weights), average_precision_score),
    ):
        expected = [theirs(y, scores, sample_weight=row) for row in weights]
        np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_one_class_has_no_ranking():
    ranking = Ranking([1, 0], [0.7, 0.2])
    weights = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert np.isnan(ranking.auc(weights)).all()
    assert np.isnan(ranking.average_precision(weights)).tolist() == [False, True]


def test_a_ratio_over_nothing_is_nan():
    np.testing.assert_array_equal(ratio([1.0, 0.0], [2.0, 0.0]), [0.5, np.nan])
