import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle
from scipy.spatial import distance

from mlwright.stats.kolmogorov import kolmogorov_sf
from mlwright.stats.two_sample import (
    chi_squared,
    jensen_shannon,
    ks,
    ks_counts,
    psi,
    total_variation,
)

samples = st.lists(st.integers(-5, 5), min_size=1, max_size=40)


@pytest.mark.parametrize("n", [1, 2, 7, 60, 140, 141, 500, 5_000, 90_909, 300_000, 2_000_000])
def test_the_distribution_equals_scipys(n):
    roots = np.linspace(0.05, 4, 25) if n <= 5_000 else (0.3, 0.6, 1.2, 1.6)
    distances = [z / np.sqrt(n) for z in roots if z < np.sqrt(n)]
    ours = [kolmogorov_sf(n, d) for d in distances]
    np.testing.assert_allclose(ours, oracle.kstwo.sf(distances, n), rtol=0, atol=1e-10)


def test_the_tail_stays_a_number_beyond_what_one_minus_could_hold():
    assert kolmogorov_sf(1_000, 0.2) == pytest.approx(oracle.kstwo.sf(0.2, 1_000), rel=1e-9)
    assert kolmogorov_sf(1_000, 0.2) < 1e-30


@pytest.mark.parametrize("n", [5, 139, 200])
def test_the_distribution_ends_at_one_and_zero(n):
    assert kolmogorov_sf(n, 0.0) == 1.0
    assert kolmogorov_sf(n, 0.5 / n) == 1.0
    assert kolmogorov_sf(n, 1.0) == 0.0


# Not one row against one, where scipy divides by an effective size of zero.
@given(samples, samples.filter(lambda values: len(values) > 1))
@settings(max_examples=100, deadline=None)
def test_ks_equals_scipy_with_ties(reference, current):
    ours = ks(reference, current)
    theirs = oracle.ks_2samp(reference, current, method="asymp")
    assert ours.statistic == theirs.statistic == ours.effect
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-9)


@pytest.mark.parametrize(("n", "m", "shift"), [(10_000, 700, 0.0), (3_000, 9_000, 0.05)])
def test_ks_equals_scipy_on_large_samples(n, m, shift):
    rng = np.random.default_rng(n)
    reference, current = rng.normal(size=n), rng.normal(shift, 1, size=m)
    ours, theirs = ks(reference, current), oracle.ks_2samp(reference, current, method="asymp")
    assert ours.statistic == theirs.statistic
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-9)
    assert (ours.n_reference, ours.n_current) == (n, m)


def test_ks_allows_infinity_and_identical_samples():
    assert ks([np.inf, 1.0], [np.inf, 1.0]).p_value == 1.0
    assert ks([-np.inf] * 9, [np.inf] * 9).statistic == 1.0


@given(samples, samples)
@settings(max_examples=50, deadline=None)
def test_counts_over_every_value_give_the_exact_ks(reference, current):
    edges = np.arange(-5, 7)
    binned = ks_counts(np.histogram(reference, edges)[0], np.histogram(current, edges)[0])
    exact = ks(reference, current)
    assert binned.statistic == pytest.approx(exact.statistic, abs=1e-12)
    assert binned.p_value == pytest.approx(exact.p_value, abs=1e-9)


def test_chi_squared_equals_scipy_and_drops_empty_bins():
    reference, current = [120, 0, 33, 7, 0], [100, 0, 55, 0, 9]
    table = np.array([reference, current])[:, [0, 2, 3, 4]]
    theirs = oracle.chi2_contingency(table, correction=False)
    ours = chi_squared(reference, current)
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.effect == total_variation(reference, current)
    assert (ours.n_reference, ours.n_current) == (160, 164)


def test_one_category_cannot_differ():
    assert chi_squared([5, 0], [9, 0]).p_value == 1.0


def test_distances_equal_their_definitions():
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.1, 0.1, 0.8])
    assert jensen_shannon(p, q) == pytest.approx(distance.jensenshannon(p, q, base=2), rel=1e-12)
    assert total_variation(p, q) == pytest.approx(0.3)
    many = psi(p * 1e9, q * 1e9)
    assert many == pytest.approx(float(((q - p) * np.log(q / p)).sum()), rel=1e-6)


def test_distances_of_equals_are_zero_and_of_strangers_finite():
    assert psi([5, 5, 0], [50, 50, 0]) == pytest.approx(0, abs=1e-2)
    assert psi([10, 0], [10, 0]) == jensen_shannon([10, 0], [1, 0]) == 0
    assert 1 < psi([1000, 0], [0, 1000]) < 20


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"^current holds 1 NaN; leave those rows out\.$"):
        ks([1.0], [np.nan])
    with pytest.raises(
        ValueError, match=r"^reference must be a vector of at least one number, got \(0,\)\.$"
    ):
        ks([], [1.0])
    with pytest.raises(ValueError, match=r"^Counts over common bins are needed: 2 and 1\.$"):
        psi([1, 2], [1])
    message = r"^current_counts must be counts: none negative, at least one row in all\.$"
    for bad in ([0, 0], [-1, 2]):
        with pytest.raises(ValueError, match=message):
            chi_squared([1, 2], bad)
