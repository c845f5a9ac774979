import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.core.errors import DataError
from mlwright.retrain.rows import divide, history_weight


def labelled(keys: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "time": [float(i) for i in range(len(keys))],
            "request_id": [f"r{i}" for i in range(len(keys))],
            "key": pl.Series(keys, dtype=pl.String),
        }
    ).sample(fraction=1.0, shuffle=True, seed=1)


@given(st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), min_size=40, max_size=120))
def test_the_newest_judge_and_nothing_that_judges_trains(keys):
    rows = divide(labelled(keys), newest_share=0.3, minimum=10)
    assert rows.judging.height == max(round(len(keys) * 0.3), 10)
    if rows.recent.height:
        assert rows.recent["time"].max() < rows.judging["time"].min()
    shared = set(rows.recent["key"].drop_nulls()) & set(rows.judging["key"].drop_nulls())
    assert not shared
    assert rows.recent.height + rows.judging.height + rows.left_out == len(keys)


def test_rows_without_a_key_are_never_left_out():
    rows = divide(labelled([None] * 60), newest_share=0.3, minimum=10)
    assert (rows.recent.height, rows.judging.height, rows.left_out) == (42, 18, 0)


def test_too_few_rows_are_said_with_the_next_step():
    with pytest.raises(DataError) as info:
        divide(labelled([None] * 19), newest_share=0.3, minimum=10)
    assert str(info.value) == (
        "19 labelled rows are not enough to retrain: 10 must judge and as many must train"
    )
    assert info.value.hint == "add labels with mlwright monitor label, or widen --since"


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_history_never_outweighs_the_recent_rows(recent, history):
    weight = history_weight(recent, history)
    assert 0 < weight <= 1
    assert weight * history <= recent + 1e-6
