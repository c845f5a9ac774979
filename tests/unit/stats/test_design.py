import numpy as np
import pytest
from scipy import stats

from mlwright.stats.design import Difference, ratio, ratio_difference


def test_plain_means_are_those_of_welch():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 300), rng.normal(0.3, 2, 200)
    found = ratio_difference(a, np.ones(300), b, np.ones(200))
    expected = stats.ttest_ind(b, a, equal_var=False)
    assert found.value == pytest.approx(b.mean() - a.mean())
    assert found.value / found.error == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, abs=2e-3)


def test_heavy_units_widen_the_interval():
    rng = np.random.default_rng(2)
    counts = rng.geometric(0.05, 2_000)
    rate = rng.beta(2, 8, 2_000)
    sums = rng.binomial(counts, rate)
    found = ratio(sums, counts)
    assert found.high - found.low > 1.5 * 2 * 1.96 * np.sqrt(0.2 * 0.8 / counts.sum())
    assert found.low < 0.2 < found.high


def test_the_sequence_covers_at_every_look_and_the_fixed_interval_does_not():
    rng = np.random.default_rng(3)
    missed = {"fixed": 0, "sequence": 0}
    looks = range(200, 4_001, 100)
    for _ in range(200):
        sample = rng.normal(0, 1, 4_000)
        found = [Difference(sample[:n].mean(), sample[:n].std() / n**0.5, n) for n in looks]
        missed["fixed"] += any(not d.fixed().low <= 0 <= d.fixed().high for d in found)
        tuned = [d.sequence(tuned_at=2_000) for d in found]
        missed["sequence"] += any(not d.low <= 0 <= d.high for d in tuned)
    assert missed["fixed"] > 40
    assert missed["sequence"] <= 16  # 5% of 200, .975 bound


def test_the_e_value_reaches_the_limit_where_the_sequence_leaves_zero():
    for value in (0.01, 0.03, 0.05):
        found = Difference(value, 0.01, 1_000)
        interval = found.sequence(alpha=0.05, tuned_at=1_000)
        assert (interval.low > 0) == (found.log_e(tuned_at=1_000, alpha=0.05) >= np.log(20))


def test_no_spread_is_no_certainty_of_nothing():
    assert Difference(0.0, 0.0, 10).p_value == 1.0
    assert Difference(0.0, 0.0, 10).log_e(tuned_at=10) == 0.0


def test_an_empty_arm_is_refused():
    with pytest.raises(ValueError, match=r"^A ratio needs two units and something below the line"):
        ratio([1.0], [1.0])
    with pytest.raises(ValueError, match=r"^A ratio needs two units and something below the line"):
        ratio_difference([0, 0], [0, 0], [1, 1], [1, 1])


def test_units_that_are_all_alike_leave_room_for_one_that_is_not():
    found = ratio_difference([0.0] * 400, [1.0] * 400, [1.0] * 400, [1.0] * 400)
    assert found.value == 1.0
    assert found.error == pytest.approx(np.sqrt(2) / 400, rel=0.01)
    assert found.log_e(tuned_at=800) > np.log(1_000)
    assert ratio([0.0] * 100, [1.0] * 100).high > 0.01
