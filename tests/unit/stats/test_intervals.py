import json

import numpy as np
import pytest
from scipy import stats as oracle

from mlwright.stats.intervals import Interval, mean_interval, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (50, 4000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_wilson_equals_scipy(k, n, level):
    theirs = oracle.binomtest(k, n).proportion_ci(level, method="wilson")
    ours = wilson(k, n, level=level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert (ours.value, ours.n) == (k / n, n)


def test_mean_interval_equals_scipy():
    values = np.random.default_rng(1).normal(3, 2, 17)
    low, high = oracle.t.interval(0.9, 16, values.mean(), oracle.sem(values))
    ours = mean_interval(values, level=0.9)
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-12)
    assert ours.n == 17


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_interval_is_always_valid_json(bad):
    for numbers in ((bad, 0.0, 1.0), (0.0, bad, 1.0), (0.0, 0.0, bad)):
        with pytest.raises(ValueError, match=r"^An interval holds finite numbers, got "):
            Interval(*numbers, 3)
    assert json.dumps(Interval(1.0, 0.0, 2.0, 3).to_json(), allow_nan=False)


def test_refusals_name_the_numbers():
    with pytest.raises(
        ValueError, match=r"^An interval needs low <= high and n >= 0, got \[2\.0, 1\.0\], n = 3\.$"
    ):
        Interval(1.0, 2.0, 1.0, 3)
    with pytest.raises(
        ValueError, match=r"^A share needs 0 <= successes <= n and n > 0, got 0 of 0\.$"
    ):
        wilson(0, 0)
    with pytest.raises(ValueError, match=r"^An interval of a mean needs at least two values\.$"):
        mean_interval([1.0])
