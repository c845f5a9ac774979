import numpy as np
import pytest

from mlwright.stats.moved_slices import moved_slices


def sides(seed, *, together=False, rows=3000):
    """Two columns; `together` makes a pair of levels frequent while each column stays as it was."""
    rng = np.random.default_rng(seed)
    town = rng.choice(np.array(["north", "south"], dtype=object), 2 * rows)
    fee = rng.random(2 * rows)
    current = np.arange(2 * rows) >= rows
    if together:
        turned = current & (rng.random(2 * rows) < 0.5)
        town[turned] = np.where(fee[turned] > 0.5, "north", "south")
    return {"town": town, "fee": fee, "noise": rng.normal(size=2 * rows)}, current


def test_a_pair_that_became_frequent_is_found_though_no_column_moved():
    columns, current = sides(1, together=True)
    found = moved_slices(columns, current, level=0.999, floor=0.05)
    assert found
    assert all(len(each.conditions) == 2 for each in found)
    first = found[0]
    assert {column for column, _ in first.conditions} == {"town", "fee"}
    assert first.change.low > 0 or first.change.high < 0
    assert abs(first.now.value - first.before.value) == pytest.approx(abs(first.change.value))
    assert first.now.n + first.before.n == 3000  # the half that did not choose


def test_without_a_change_none_is_named_more_often_than_promised():
    named = sum(bool(moved_slices(*sides(seed, rows=400), level=0.95)) for seed in range(60))
    assert named <= 8  # 3 are expected; 8 or fewer in 99.7% of runs


def test_a_change_below_the_floor_is_not_told():
    columns, current = sides(2)
    columns["town"][current & (np.random.default_rng(3).random(len(current)) < 0.3)] = "south"
    assert moved_slices(columns, current, floor=0.05)
    assert not moved_slices(columns, current, floor=0.3)


def test_few_rows_of_a_side_are_not_judged():
    columns, current = sides(4, together=True)
    few = {name: values[2850:] for name, values in columns.items()}
    assert moved_slices(few, current[2850:]) == ()
