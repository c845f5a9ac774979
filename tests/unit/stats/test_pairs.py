import numpy as np
import pytest
from scipy import stats

from mlwright.stats import pairs as module
from mlwright.stats.pairs import Pairs, normal_scores


def test_terms_are_parts_and_products_of_parts_of_two_columns():
    rng = np.random.default_rng(0)
    made = Pairs.of(rng.normal(size=(50, 4)), np.array([0, 0, 1, 2]))
    one, other = made.pairs
    names = sorted(zip(one.tolist(), other.tolist(), strict=True))
    assert names == [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]  # never 0 with 1: both of column 0
    rows = np.array([7, 3])
    place = 4 + list(zip(one.tolist(), other.tolist(), strict=True)).index((1, 3))
    values = made.values(rows, np.array([place, 2]))
    assert values[:, 0] == pytest.approx(made.parts[rows, 1] * made.parts[rows, 3])
    assert values[:, 1] == pytest.approx(made.parts[rows, 2])


def test_the_contrast_is_welchs():
    rng = np.random.default_rng(1)
    made = Pairs.of(rng.normal(size=(5000, 2)), np.array([0, 1]))
    first, second = np.arange(3000), np.arange(3000, 5000)
    z_values, _ = made.contrast(first, second)
    everything = made.values(np.arange(5000), np.arange(3))
    for term in range(3):
        test = stats.ttest_ind(everything[3000:, term], everything[:3000, term], equal_var=False)
        assert z_values[term] == pytest.approx(test.statistic, rel=0.01, abs=0.01)


def test_of_very_many_parts_fewer_rows_are_looked_at(monkeypatch):
    rng = np.random.default_rng(2)
    made = Pairs.of(rng.normal(size=(400, 20)), np.arange(20))
    monkeypatch.setattr(module, "_MOST_WORK", 20**2 * 50)
    few = made.contrast(np.arange(200), np.arange(200, 400))
    assert np.array_equal(few[0], made.contrast(np.arange(50), np.arange(200, 250))[0])


def test_what_does_not_vary_is_no_part():
    made = Pairs.of(np.column_stack([np.ones(9), np.arange(9.0)]), np.array([0, 1]))
    assert made.owner.tolist() == [1]


def test_normal_scores_keep_the_order_and_no_more():
    rng = np.random.default_rng(3)
    values = rng.lognormal(size=1000)
    scores = normal_scores(values)
    assert np.array_equal(np.argsort(scores), np.argsort(values))
    assert np.array_equal(scores, normal_scores(np.log(values)))
    assert scores.std() == pytest.approx(1, abs=0.01)
    assert normal_scores(np.array([np.nan, np.nan])).tolist() == [0, 0]
