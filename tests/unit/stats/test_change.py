import math

import numpy as np
import pytest

from mlwright.stats.change import BETS, change, cumulated, higher_mean


def test_a_sequence_that_never_changes_is_seldom_said_to():
    rng = np.random.default_rng(1)
    found = sum(change(rng.normal(0, 1, 120)).p_value < 0.01 for _ in range(1000))
    assert found <= 18


def test_neighbours_that_lean_on_each_other_are_no_change():
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(300):
        values = np.zeros(200)
        for i in range(1, 200):
            values[i] = 0.5 * values[i - 1] + rng.normal()
        found += change(values).p_value < 0.01
    assert found <= 9


def test_the_place_lies_in_its_interval_as_often_as_said():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        at = int(rng.integers(30, 90))
        found = change(rng.normal(0, 1, 120) + (np.arange(120) >= at))
        held += found.low <= at <= found.high
    assert held >= 275


def test_a_step_without_noise_is_certain():
    found = change([1.0] * 10 + [2.0] * 10)
    assert (found.at, found.low, found.high, found.p_value) == (10, 10, 10, 0.0)
    assert change([1.0] * 20).p_value == 1.0


def test_few_values_say_nothing():
    assert change(np.arange(11.0)) is None


@pytest.mark.parametrize(("values", "limit"), [([0.5], 0.0), ([0.5], 1.1), ([1.5], 0.5)])
def test_bets_need_bounds(values, limit):
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        higher_mean(values, limit)


def looks_until(rng, chance, limit, *, rows=50, most=2000, line=100):
    evidence = np.full(len(BETS), -math.inf)
    for look in range(1, most + 1):
        seen = (rng.random(rows) < chance).astype(float)
        evidence = cumulated(evidence, higher_mean(seen, limit))
        if np.logaddexp.reduce(evidence) - math.log(len(BETS)) > math.log(line):
            return look
    return most


def test_the_detector_holds_its_mean_time_to_a_false_alarm_and_finds_a_change_soon():
    rng = np.random.default_rng(4)
    calm = [looks_until(rng, 0.2, 0.2, most=400) for _ in range(60)]
    assert np.mean(calm) >= 100
    moved = [looks_until(rng, 0.3, 0.2) for _ in range(60)]
    assert np.mean(moved) <= 8


def test_no_rows_leave_the_evidence_but_for_one_more_beginning():
    after = cumulated([0.0] * len(BETS), higher_mean([], 0.2))
    assert np.allclose(np.exp(after), 2)
