import math
import random

import pytest

from mlwright.stats.latency import Latencies


def of(values):
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    return latencies


def test_a_percentile_is_off_by_half_a_percent_at_most():
    chance = random.Random(0)
    values = sorted(chance.lognormvariate(-6, 2) for _ in range(10_000))
    found = of(values)
    for percent in (1, 50, 90, 95, 99, 99.9):
        exact = values[math.ceil(len(values) * percent / 100) - 1]
        assert found.percentile(percent) == pytest.approx(exact, rel=0.0051)
    assert found.percentile(100) == pytest.approx(values[-1], rel=0.0051)
    assert found.largest == values[-1]


def test_two_are_added_exactly():
    values = [0.001 * i for i in range(1, 400)]
    one, other = of(values[:100]), of(values[100:])
    assert (one + other).to_json() == of(values).to_json()


def test_what_is_out_of_range_is_kept_at_its_ends():
    found = of([0.0, 1e-9, 1e6])
    assert found.count == 3
    assert found.percentile(50) <= 1.01e-6
    assert 3600 <= found.percentile(100) <= 3700
