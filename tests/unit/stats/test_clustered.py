import numpy as np
import pytest

from mlwright.stats.clustered import compare_shares, share
from mlwright.stats.intervals import wilson


def test_requests_of_units_of_their_own_are_a_plain_share():
    happened = [1] * 30 + [0] * 70
    assert share(happened, range(100)).interval == wilson(30, 100)


def test_the_interval_holds_where_callers_are_alike():
    rng = np.random.default_rng(3)
    held = plain = 0
    for _ in range(300):
        habits = rng.beta(1, 3, 60)  # each caller has a rate of its own, 1/4 on average
        units = np.repeat(np.arange(60), rng.integers(1, 20, 60))
        happened = rng.random(len(units)) < habits[units]
        found = share(happened, units).interval
        held += found.low <= 0.25 <= found.high
        naive = wilson(int(happened.sum()), len(units))
        plain += naive.low <= 0.25 <= naive.high
    assert held >= 275
    assert plain < 240  # what the units are there for


@pytest.mark.parametrize("answer", [0, 1])
def test_where_it_always_or_never_happened_units_count(answer):
    found = share([answer] * 100, np.repeat(range(10), 10))
    assert (found.effective, found.units, found.interval.n) == (10.0, 10, 100)


def test_one_unit_alone_is_worth_one_request():
    assert share([1, 0, 1, 1], [7, 7, 7, 7]).effective == 1.0


def test_a_test_of_no_difference_keeps_its_size():
    rng = np.random.default_rng(4)
    rejected = 0
    for _ in range(400):
        sides = []
        for _ in range(2):
            units = np.repeat(np.arange(80), rng.integers(1, 12, 80))
            sides.append(share(rng.random(len(units)) < rng.beta(2, 2, 80)[units], units))
        rejected += compare_shares(*sides).p_value < 0.05
    assert rejected <= 34  # 20 are expected, and with 34 or fewer in 99.9% of runs


def test_no_request_has_no_share():
    with pytest.raises(ValueError, match="at least one number"):
        share([], [])
