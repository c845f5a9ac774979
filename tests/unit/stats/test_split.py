import numpy as np
import pytest

from mlwright.stats.split import SplitCheck


def check(rng, actual, *, meant=0.3, units=5_000):
    return SplitCheck().update_many(rng.random(units) < actual, [meant] * units)


def test_it_is_silent_when_shares_hold_and_speaks_when_they_do_not():
    rng = np.random.default_rng(22)
    assert sum(check(rng, 0.3).mismatch(0.01) for _ in range(400)) <= 10
    for actual in (0.26, 0.34):
        assert sum(check(rng, actual).mismatch(0.01) for _ in range(40)) >= 38


def test_pieces_come_to_the_same():
    rng = np.random.default_rng(23)
    weights = rng.choice([0.1, 0.5], 300)
    arms = rng.random(300) < weights
    whole = SplitCheck().update_many(arms, weights)
    parts = SplitCheck().update_many(arms[:70], weights[:70]).update_many(arms[70:], weights[70:])
    assert (parts.units, parts.candidate) == (whole.units, whole.candidate)
    assert parts.peak == pytest.approx(whole.peak)
    assert parts.log_e == pytest.approx(whole.log_e)
    assert parts.expected == pytest.approx(weights.sum())
