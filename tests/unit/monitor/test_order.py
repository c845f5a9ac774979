import numpy as np
import polars as pl
import pytest

from mlwright.monitor import order


@pytest.fixture(params=[True, False], ids=["numpy", "polars"])
def sort(request, monkeypatch):
    monkeypatch.setattr(order, "_numpy_is_faster", lambda: request.param)
    return order.ordered


def test_numbers_come_in_order_and_nan_last(sort):
    values = pl.concat([pl.Series([2.0, float("nan"), -1.0]), pl.Series([float("inf"), 0.5])])
    np.testing.assert_array_equal(sort(values), [-1.0, 0.5, 2.0, np.inf, np.nan])
    assert values.to_list()[2] == -1.0


def test_no_numbers_are_in_order(sort):
    assert sort(pl.Series([], dtype=pl.Float64)).tolist() == []


def test_the_choice_is_made_once():
    assert order._numpy_is_faster() is order._numpy_is_faster()
