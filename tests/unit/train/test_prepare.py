from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import ConfigError, DataError, SignatureError
from mlwright.data.schema import infer
from mlwright.train.prepare import prepare

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
