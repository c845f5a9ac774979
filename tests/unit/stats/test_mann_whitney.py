import numpy as np
import pytest
from scipy import stats

from mlwright.stats.mann_whitney import auc


def test_it_is_scipys_also_with_ties():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 9, 300), rng.integers(1, 10, 120)
    found = auc(first, second)
    expected = stats.mannwhitneyu(
        second, first, alternative="greater", method="asymptotic", use_continuity=False
    )
    assert found.value == pytest.approx(expected.statistic / (300 * 120), abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_its_error_is_that_of_repeated_draws():
    rng = np.random.default_rng(1)
    found = [auc(rng.normal(0, 1, 80), rng.normal(0.7, 1.5, 150)) for _ in range(400)]
    spread = np.std([one.value for one in found])
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.1)


def test_equal_scores_tell_nothing():
    assert auc([1.0] * 5, [1.0] * 5) == auc([2.0] * 5, [2.0] * 5)
    found = auc([1.0] * 5, [1.0] * 5)
    assert (found.value, found.error, found.p_value) == (0.5, 0.0, 1.0)


def test_a_kind_without_scores_is_refused():
    with pytest.raises(ValueError, match="second must be a vector of at least one number"):
        auc([1.0], [])
