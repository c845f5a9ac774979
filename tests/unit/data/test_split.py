from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import DataError
from mlwright.data.schema import infer
from mlwright.data.split import group_numbers, split, whole_groups


def table(rows=200):
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {"x": rng.normal(size=rows), "y": np.where(np.arange(rows) % 5 == 0, "Yes", "No")}
    )


def test_each_class_gives_its_share():
    rows = table()
    parts = split(rows, infer(rows, "y"), share=0.25, seed=0)
    assert parts.holdout.group_by("y").len().sort("y").rows() == [("No", 40), ("Yes", 10)]
    assert parts.how == "at random, stratified by class, seed 0"
    assert sorted([*parts.train_rows, *parts.holdout_rows]) == list(range(200))
    assert rows[parts.train_rows].equals(parts.train)


def test_the_seed_decides():
    rows = table()
    first, again, other = (
        split(rows, infer(rows, "y"), share=0.25, seed=seed).holdout for seed in (0, 0, 1)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_dated_rows_are_split_by_time_and_no_day_is_divided():
    rng = np.random.default_rng(0)
    days = [date(2024, 1, 1) + timedelta(int(n)) for n in rng.permutation(np.arange(200) // 7)]
    rows = table().with_columns(day=pl.Series(days))
    parts = split(rows, infer(rows, "y"), share=0.2, seed=0)
    assert parts.train["day"].max() < parts.holdout["day"].min()
    assert parts.how == "by time, day from 2024-01-23 on"
    assert 0.15 < parts.holdout.height / 200 < 0.25


def test_rows_without_a_target_are_in_neither_part():
    rows = table().with_columns(y=pl.Series([None, *table()["y"].to_list()[1:]]))
    parts = split(rows, infer(rows, "y"), share=0.2, seed=0)
    assert parts.train.height + parts.holdout.height == 199
    assert 0 not in parts.train_rows


def test_both_sides_get_rows_whatever_the_share():
    days = [date(2024, 1, 1) + timedelta(n // 20) for n in range(200)]
    rows = table().with_columns(day=pl.Series(days))
    for columns in (["x", "y"], ["x", "y", "day"]):
        chosen = rows.select(columns)
        for share in (0.001, 0.999):
            parts = split(chosen, infer(chosen, "y"), share=share, seed=0)
            assert min(parts.train.height, parts.holdout.height) > 0


def test_dates_that_no_longer_are():
    days = [date(2024, 1, 1) + timedelta(n) for n in range(200)]
    rows = table().with_columns(day=pl.Series(days))
    schema = infer(rows, "y")
    with pytest.raises(DataError) as caught:
        split(rows.with_columns(day=pl.lit("soon")), schema, share=0.2, seed=0)
    assert str(caught.value) == "the date column 'day' holds values that are not dates"


def test_a_group_is_on_one_side():
    rng = np.random.default_rng(0)
    rows = table().with_columns(shop=pl.Series(rng.integers(0, 12, 200)))
    parts = split(rows, infer(rows, "y"), share=0.25, seed=0, group="shop")
    assert not set(parts.train["shop"]) & set(parts.holdout["shop"])
    assert parts.how == "by group, shop, seed 0"
    assert 0.1 < parts.holdout.height / 200 <= 0.25


def test_copies_of_a_text_stay_together():
    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice(["buy", "now", "later", "see", "you"], 6)) for _ in range(100)]
    rows = pl.DataFrame({"text": words + words[:60], "y": ["a", "b", "a", "a"] * 40})
    parts = split(rows, infer(rows, "y"), share=0.3, seed=0)
    assert not set(parts.train["text"]) & set(parts.holdout["text"])
    assert parts.how == "at random, stratified by class, seed 0, copies together"
    assert 0.2 < parts.holdout.height / 160 < 0.4


def test_copies_of_a_row_without_text_are_rows():
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({"x": rng.integers(0, 3, 200), "y": ["a", "b"] * 100})
    parts = split(rows, infer(rows, "y"), share=0.3, seed=0)
    assert set(parts.holdout["x"]) <= set(parts.train["x"])


def test_groups_of_rows():
    rows = pl.DataFrame({"a": ["x", None, "x", None], "b": [1, 2, 1, 3]})
    assert group_numbers(rows, ["a"]).tolist() == [0, 1, 0, 1]
    assert group_numbers(rows, ["a", "b"]).tolist() == [0, 1, 0, 3]


def test_both_sides_get_a_group():
    groups = np.repeat([0, 1], [90, 10])
    assert whole_groups(groups, share=0.01, seed=0).sum() == 10
    assert whole_groups(groups, share=0.999, seed=0).sum() in (10, 90)
    with pytest.raises(DataError) as caught:
        whole_groups(np.zeros(5, dtype=np.int64), share=0.5, seed=0)
    assert str(caught.value) == "all rows are of one group, so no group can be kept apart"
    assert caught.value.hint == "name another column in --split group:COLUMN"


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["a"] * 20 + ["b"] * 180, "split {how}, the holdout holds one class of 'y' only"),
        (["a"] * 161 + ["b"] * 39, "split {how}, the training rows hold one class of 'y' only"),
    ],
)
def test_a_side_with_one_class(classes, message):
    days = [date(2024, 1, 1) + timedelta(n) for n in range(200)]
    rows = table().with_columns(day=pl.Series(days), y=pl.Series(classes))
    with pytest.raises(DataError) as caught:
        split(rows, infer(rows, "y"), share=0.2, seed=0)
    assert str(caught.value) == message.format(how="by time, day from 2024-06-08 on")
    assert caught.value.hint == (
        "give more rows, a larger model.holdout, or divide them another way, with --split"
    )
