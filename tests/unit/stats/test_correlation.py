import numpy as np
import pytest
from scipy import stats

from mlwright.stats.correlation import spearman


def test_it_is_scipys_also_with_ties():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 6, 40).astype(float)
    second = first + rng.normal(0, 2, 40)
    found = spearman(first, second)
    assert found.value == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


def test_the_interval_holds_the_truth_as_often_as_said():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        found = spearman(rng.normal(0, 1, 30), rng.normal(0, 1, 30))
        held += found.low <= 0 <= found.high
    assert held >= 368


def test_few_pairs_or_one_value_say_nothing():
    assert spearman(range(7), range(7)) is None
    assert spearman([1.0] * 9, range(9)) is None
