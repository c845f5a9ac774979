import numpy as np
import pytest

from mlwright.stats.design import ratio_difference
from mlwright.stats.power import smallest_effect, units_needed


def test_the_power_is_what_it_says():
    rng = np.random.default_rng(4)
    units = units_needed(0.2 * 0.8, 0.05, share=0.3)
    found = 0
    for _ in range(400):
        second = rng.random(units) < 0.3
        value = rng.random(units) < np.where(second, 0.225, 0.175)
        ones = np.ones(units)
        found += (
            ratio_difference(value[~second], ones[~second], value[second], ones[second]).p_value
            < 0.05
        )
    assert 0.74 <= found / 400 <= 0.86


def test_effect_and_units_are_each_others_inverse():
    units = units_needed(2.0, 0.1, share=0.5, alpha=0.01, power=0.9)
    assert smallest_effect(2.0, units, share=0.5, alpha=0.01, power=0.9) == pytest.approx(
        0.1, rel=1e-3
    )


def test_no_effect_needs_no_answer():
    with pytest.raises(ValueError, match=r"^effect must not be 0: nothing shows"):
        units_needed(1.0, 0.0, share=0.5)
