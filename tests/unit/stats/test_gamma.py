import numpy as np
import pytest
from scipy import special

from mlwright.stats.gamma import (
    chi_squared_limit,
    chi_squared_tail,
    log_factorials,
    noncentrality,
)

FREEDOMS = (1, 2, 3, 4, 11, 12, 101, 102)


def test_factorials_equal_scipys():
    n = np.r_[np.arange(0.0, 200), 1e4, 1e6, 1e9]
    np.testing.assert_allclose(log_factorials(n), special.gammaln(n + 1), rtol=2e-15, atol=1e-15)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_the_tail_equals_scipys_as_far_as_it_goes(freedom):
    values = np.r_[0.0, 1e-12, np.geomspace(1e-3, 1400, 60)]
    ours = [chi_squared_tail(freedom, value) for value in values.tolist()]
    np.testing.assert_allclose(ours, special.chdtrc(freedom, values), rtol=1e-11)


def test_the_tail_of_a_far_value_is_nothing():
    assert chi_squared_tail(5, 1e7) == 0.0


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("p_value", [0.5, 0.001, 1e-9])
def test_the_limit_equals_scipys(freedom, p_value):
    ours = chi_squared_limit(freedom, p_value)
    assert ours == pytest.approx(special.chdtri(freedom, p_value), rel=1e-9)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("p_value", [0.05, 0.001 / 30, 1e-9])
def test_at_the_noncentrality_scipys_distribution_has_that_power(freedom, p_value):
    limit = chi_squared_limit(freedom, p_value)
    value = noncentrality(freedom, limit, 0.9)
    assert special.chndtr(limit, freedom, value) == pytest.approx(0.1, rel=1e-9)


def test_what_is_exceeded_anyway_needs_no_noncentrality():
    assert noncentrality(3, chi_squared_limit(3, 0.95), 0.9) == 0.0
