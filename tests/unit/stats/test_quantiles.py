import numpy as np
import pytest
from scipy.stats import binom

from mlwright.stats.quantiles import quantile_interval


@pytest.mark.parametrize(("at", "n"), [(0.5, 40), (0.95, 300), (0.99, 500)])
def test_the_interval_holds_its_level(at, n):
    rng = np.random.default_rng(1)
    truth = -np.log(1 - at)
    found = [quantile_interval(rng.exponential(size=n), at) for _ in range(400)]
    held = sum(each.low <= truth <= each.high for each in found)
    assert held >= binom.ppf(0.001, 400, 0.95)


@pytest.mark.parametrize(("at", "fewest"), [(0.5, 6), (0.95, 72), (0.99, 368)])
def test_too_few_values_have_no_end(at, fewest):
    assert quantile_interval(range(fewest - 1), at) is None
    assert quantile_interval(range(fewest), at).n == fewest
