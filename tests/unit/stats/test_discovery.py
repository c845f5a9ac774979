import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from mlwright.stats.discovery import benjamini_hochberg, discoveries, e_benjamini_hochberg


@given(st.lists(st.integers(0, 200).map(lambda k: k / 1000), min_size=1, max_size=30))
def test_benjamini_hochberg_equals_scipy(p_values):
    adjusted = false_discovery_control(p_values)
    clear = np.abs(adjusted - 0.05) > 1e-9  # on the limit itself rounding decides
    ours = benjamini_hochberg(p_values, 0.05)
    assert (ours == (adjusted <= 0.05))[clear].all()


def test_no_discovery_when_nothing_differs():
    rng = np.random.default_rng(3)
    wrong = sum(benjamini_hochberg(rng.random(30), 0.05).any() for _ in range(1000))
    assert 30 <= wrong <= 70  # exactly 5% for independent tests


def test_the_floor_needs_both_significance_and_effect():
    found = discoveries([1e-6, 1e-6, 0.5], [0.06, 0.05, 0.9])
    assert found.tolist() == [True, False, False]
    assert discoveries([1e-6], [0.01], floor=0.0).tolist() == [True]


@pytest.mark.parametrize("bad", [[1.2], [-0.1]])
def test_p_values_are_probabilities(bad):
    with pytest.raises(ValueError, match=r"^p_values must lie between 0 and 1\.$"):
        benjamini_hochberg(bad, 0.05)


def test_lengths_and_rates_are_checked():
    with pytest.raises(
        ValueError, match=r"^Arrays of one length are needed: p_values has 1, effects has 2\.$"
    ):
        discoveries([0.1], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"^q must lie between 0 and 1, got 2\.$"):
        benjamini_hochberg([0.1], 2)


def test_e_values_keep_the_false_discovery_rate_under_dependence():
    rng = np.random.default_rng(5)
    false, found = 0.0, 0
    for _ in range(400):
        shared = rng.normal()
        z = np.r_[np.full(8, shared), rng.normal(4.5, 1, 2)]
        rejected = e_benjamini_hochberg(2 * z - 2, 0.1)  # exp(2 z - 2) has mean 1 under the null
        false += rejected[:8].sum() / max(rejected.sum(), 1)
        found += rejected[8:].sum()
    assert false / 400 <= 0.1
    assert found > 400
