import numpy as np
import pytest

from mlwright.stats.shrinkage import shrunken


def test_chance_is_taken_away_and_what_is_real_stays():
    z = np.random.default_rng(0).normal(size=2000)
    z[:5] += 9
    found = shrunken(z)
    assert np.mean(found[5:] ** 2) < 0.01
    assert found[:5] == pytest.approx(z[:5], rel=0.1)


def test_many_small_differences_are_kept_in_part():
    rng = np.random.default_rng(1)
    true = rng.normal(0, 1.0, 4000)
    found = shrunken(true + rng.normal(size=4000))
    assert np.mean((found - true) ** 2) < 0.55  # the best there is has .5, the raw values 1


def test_large_values_do_not_overflow():
    assert shrunken([1e5, 0.1, -0.2, -1e5]) == pytest.approx([1e5, 0, 0, -1e5], rel=0.01, abs=0.1)


def test_nothing_is_refused():
    with pytest.raises(ValueError, match="z_values must be a vector of at least one number"):
        shrunken([])
