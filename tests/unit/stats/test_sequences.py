import functools

import numpy as np
import pytest
from scipy.special import betaln, xlog1py, xlogy

from mlwright.stats.sequences import confidence_sequence, rate_bounds


@pytest.mark.parametrize("shape", [(2, 30), (0.2, 0.2)])
def test_the_mean_is_missed_at_any_time_by_at_most_alpha(shape):
    rng = np.random.default_rng(1)
    mean, missed = shape[0] / sum(shape), 0
    for _ in range(400):
        low, high = confidence_sequence(rng.beta(*shape, 1_000), alpha=0.1)
        missed += bool((low > mean).any() or (high < mean).any())
    assert missed <= 55  # 10% of 400, .995 bound


def test_a_small_variance_is_rewarded():
    rng = np.random.default_rng(2)
    low, high = confidence_sequence(rng.beta(20, 180, 5_000))
    hoeffding = np.sqrt(np.log(2 / 0.05) / (2 * 5_000))
    assert high[-1] - low[-1] < 0.5 * 2 * hoeffding
    assert low[-1] < 0.1 < high[-1]


def test_the_bounds_only_close():
    low, high = confidence_sequence(np.random.default_rng(3).random(500))
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) <= 0).all()
    assert 0 <= low[0] <= high[0] <= 1


@pytest.mark.parametrize(("bad", "n"), [(0, 50), (1, 50), (50, 50), (30, 4_000), (3, 10**6)])
def test_rate_bounds_lie_where_the_evidence_reaches_one_over_alpha(bad, n):
    found = rate_bounds(bad, n, alpha=0.01)
    for edge, open_end in ((found.low, bad == 0), (found.high, bad == n)):
        if open_end:
            assert edge in (0.0, 1.0)
            continue
        likelihood = xlogy(bad, edge) + xlog1py(n - bad, -edge)
        evidence = betaln(bad + 0.5, n - bad + 0.5) - betaln(0.5, 0.5) - likelihood
        assert evidence == pytest.approx(np.log(100), abs=1e-6)
    assert found.low <= found.value == bad / n <= found.high


def test_the_rate_is_missed_at_any_look_by_at_most_alpha():
    rng = np.random.default_rng(4)
    bounds = functools.cache(lambda bad, n: rate_bounds(bad, n, alpha=0.1))
    missed = 0
    for _ in range(300):
        bad = np.cumsum(rng.random(300) < 0.1)
        seen = [bounds(int(bad[n - 1]), n) for n in range(10, 301, 10)]
        missed += any(not found.low <= 0.1 <= found.high for found in seen)
    assert missed <= 43  # 10% of 300, .995 bound


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"^values must lie between 0 and 1; scale them first\.$"):
        confidence_sequence([0.5, 1.5])
    with pytest.raises(ValueError, match=r"^A rate needs 0 <= bad <= n and n > 0, got 3 of 2\.$"):
        rate_bounds(3, 2)
