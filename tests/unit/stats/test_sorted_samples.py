import numpy as np
import pytest
from scipy import stats

from mlwright.stats.sorted_samples import Prepared, distances, wasserstein_counts


def _samples():
    rng = np.random.default_rng(3)
    yield rng.normal(0, 1, 3000), rng.normal(0.1, 1, 5000)
    yield rng.normal(0, 1, 5000), rng.normal(0.5, 3, 70)
    yield rng.integers(0, 9, 800).astype(float), rng.integers(2, 12, 900).astype(float)
    yield rng.integers(0, 9, 800).astype(float), rng.normal(4, 3, 900)
    yield rng.normal(1e6, 1, 400), rng.normal(1e6 + 3, 1, 500)
    yield np.array([1.0, 2.0]), np.array([-5.0, 10.0])
    yield np.array([3.0]), np.array([3.0, 3.0])
    yield np.array([0.0, 1.0]), np.array([7.0, 8.0, 9.0])
    yield np.array([7.0, 8.0]), np.array([0.0, 1.0, 1.0])


@pytest.mark.parametrize("pair", list(_samples()))
def test_both_distances_equal_scipys(pair):
    reference, current = pair
    found = distances(Prepared.of(np.sort(reference)), np.sort(current))
    oracle = stats.ks_2samp(reference, current, method="asymp")
    assert found.ks.statistic == pytest.approx(oracle.statistic, abs=1e-9)
    assert found.ks.p_value == pytest.approx(oracle.pvalue, abs=1e-9)
    assert found.wasserstein == pytest.approx(
        stats.wasserstein_distance(reference, current), abs=1e-9
    )


def test_the_histogram_distance_is_that_of_the_edges():
    edges, first, second = np.array([0.0, 1.0, 4.0]), np.array([1, 3, 2, 0]), np.array([0, 1, 1, 1])
    found = wasserstein_counts(edges, first, second)
    oracle = stats.wasserstein_distance([0, 1, 4, 4], [0, 1, 4, 4], first, second)
    assert found == pytest.approx(oracle, abs=1e-12)


def test_nothing_to_compare_is_refused():
    with pytest.raises(ValueError, match=r"^A sample of at least one row is needed\.$"):
        Prepared.of(np.array([]))
    with pytest.raises(ValueError, match=r"^A sample of at least one row is needed\.$"):
        distances(Prepared.of(np.array([1.0])), np.array([]))
    with pytest.raises(ValueError, match=r"^A histogram of at least one row is needed\.$"):
        wasserstein_counts(np.array([0.0]), np.array([1, 0]), np.array([0, 0]))
