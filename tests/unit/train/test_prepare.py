from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import ConfigError, DataError, SignatureError
from mlwright.data.schema import infer
from mlwright.train.choices import Choices
from mlwright.train.prepare import noticed, prepare, trainable

PLAIN = {"holdout": None, "share": 0.2, "seed": 0, "weights": None, "reference": None}


def test_weights_follow_their_rows(churn):
    churn = churn.with_columns(Churn=pl.Series([None, *churn["Churn"].to_list()[1:]]))
    weights = np.arange(500.0)
    data = prepare(churn, infer(churn, "Churn"), **{**PLAIN, "weights": weights})
    ids = data.table["customerID"].str.slice(0, 4).cast(pl.Int64)
    assert data.sample.weights.tolist() == ids.to_list()
    assert data.rows == {"train": 399, "holdout": 100}


def test_a_given_holdout_is_taken_whole(churn):
    given = churn[400:]
    schema = infer(churn[:400], "Churn")
    data = prepare(churn[:400], schema, **{**PLAIN, "holdout": given})
    assert data.rows == {"train": 400, "holdout": 100}
    assert data.how == "given with the table"


def test_dated_rows_know_their_order(churn):
    days = [date(2024, 1, 1) + timedelta(int(n)) for n in np.random.default_rng(0).permutation(500)]
    dated = churn.with_columns(day=pl.Series(days))
    data = prepare(dated, infer(dated, "Churn"), **PLAIN)
    assert data.table["day"][np.argsort(data.sample.order)].is_sorted()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"share": 1.0}, ConfigError, "a holdout's share lies between 0 and 1, got 1.0"),
        (
            {"weights": [1.0]},
            ConfigError,
            "weights must be one non-negative number for each of the 500 rows",
        ),
        (
            {"weights": [-1.0] * 500},
            ConfigError,
            "weights must be one non-negative number for each of the 500 rows",
        ),
    ],
)
def test_wrong_options(churn, wrong, error, message):
    with pytest.raises(error) as caught:
        prepare(churn, infer(churn, "Churn"), **{**PLAIN, **wrong})
    assert str(caught.value) == message
    assert caught.value.hint


def test_a_holdout_that_is_too_small(churn):
    with pytest.raises(DataError) as caught:
        prepare(churn, infer(churn, "Churn"), **{**PLAIN, "holdout": churn[:4]})
    assert str(caught.value) == "the holdout has 4 rows, too few to judge a model by"


def test_a_holdout_without_the_columns(churn):
    with pytest.raises(SignatureError) as caught:
        prepare(churn, infer(churn, "Churn"), **{**PLAIN, "holdout": churn.drop("tenure")})
    assert caught.value.problems == {"tenure": "is missing"}


def dated(churn):
    days = [date(2024, 1, 1) + timedelta(n) for n in range(churn.height)]
    return churn.with_columns(day=pl.Series(days))


def test_a_random_split_of_dated_rows_is_refused(churn):
    with pytest.raises(ConfigError) as caught:
        trainable(dated(churn), "Churn", choices=Choices(split="random"))
    assert str(caught.value) == (
        "the rows are dated by 'day': split at random, the model would be judged on days that it "
        "was trained on"
    )
    assert caught.value.hint == "leave --split at auto, or add --force-random-split"
    assert trainable(churn, "Churn", choices=Choices(split="random")).date_column is None


def test_a_random_split_of_dated_rows_can_be_forced(churn):
    choices = Choices(split="random", force_random_split=True)
    table = dated(churn)
    data = prepare(table, trainable(table, "Churn", choices=choices), **PLAIN, choices=choices)
    assert data.how == "at random, stratified by class, seed 0"
    assert data.sample.order is None


@pytest.mark.parametrize("how", ["auto", "time"])
def test_dated_rows_are_split_by_time(churn, how):
    choices = Choices(split=how)
    table = dated(churn)
    data = prepare(table, trainable(table, "Churn", choices=choices), **PLAIN, choices=choices)
    assert data.how.startswith("by time, day from ")


def test_a_split_by_time_needs_dates(churn):
    with pytest.raises(DataError) as caught:
        trainable(churn, "Churn", choices=Choices(split="time"))
    assert str(caught.value) == (
        "a split by time needs a column of dates without blanks, and the table has none"
    )
    assert caught.value.hint == "use --split random, or give the table such a column"


def test_a_group_stays_together_and_is_no_input(churn):
    choices = Choices(split="group:shop")
    shops = np.random.default_rng(0).integers(0, 40, 500)
    table = dated(churn).with_columns(shop=pl.Series(shops))
    schema = trainable(table, "Churn", choices=choices)
    data = prepare(table, schema, **PLAIN, choices=choices)
    assert "shop" not in schema.signature.names
    assert data.sample.order is None
    pairs = set(zip(data.table["shop"], data.sample.groups.tolist(), strict=True))
    assert len(pairs) == data.table["shop"].n_unique()
    assert data.table["shop"].n_unique() < 40


def test_a_column_of_weights_is_no_input(churn):
    choices = Choices(weight="w")
    table = churn.with_columns(w=pl.Series([" 2.5"] + ["1"] * 499))
    schema = trainable(table, "Churn", choices=choices)
    data = prepare(table, schema, **PLAIN, choices=choices)
    assert "w" not in schema.signature.names
    assert sorted(set(data.sample.weights.tolist())) in ([1.0], [1.0, 2.5])
    given = prepare(table, schema, **{**PLAIN, "weights": [3.0] * 500}, choices=choices)
    assert set(given.sample.weights.tolist()) == {3.0}


@pytest.mark.parametrize("wrong", [[-1.0], [None], [float("inf")], ["much"]])
def test_wrong_weights(churn, wrong):
    filler = ["1"] if wrong == ["much"] else [1.0]
    table = churn.with_columns(w=pl.Series(wrong + filler * 499))
    choices = Choices(weight="w")
    with pytest.raises(DataError) as caught:
        prepare(table, trainable(table, "Churn", choices=choices), **PLAIN, choices=choices)
    assert str(caught.value) == (
        "the column of weights 'w' must hold one non-negative number a row, not all 0"
    )
    assert caught.value.hint == "mend those rows, or name another column in model.weight"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (
            Choices(available_at={"tenur": "after"}),
            "model.available_at: the table has no column 'tenur'; did you mean 'tenure'?",
        ),
        (Choices(weight="w"), "model.weight: the table has no column 'w'"),
        (Choices(split="group:shop"), "model.split: the table has no column 'shop'"),
    ],
)
def test_choices_that_name_no_column(churn, choices, message):
    with pytest.raises(ConfigError) as caught:
        noticed(churn, "Churn", choices=choices)
    assert str(caught.value) == message
    assert caught.value.hint == "name a column of the table"


def test_infinite_values_are_refused_with_column_and_count(churn):
    table = churn.with_columns(
        ratio=pl.Series([float("inf")] * 2 + [float(n) for n in range(498)]),
        TotalCharges=pl.Series(["inf", *(str(n) for n in range(499))]),
    )
    with pytest.raises(DataError) as caught:
        trainable(table, "Churn")
    assert str(caught.value) == (
        "the table holds infinite values: 'TotalCharges' in 1 row, 'ratio' in 2 rows"
    )
    assert caught.value.hint == "mend these values, or leave them blank to count as missing"
    after = Choices(available_at={"ratio": "after", "TotalCharges": "after"})
    assert "ratio" not in trainable(table, "Churn", choices=after).signature.names
