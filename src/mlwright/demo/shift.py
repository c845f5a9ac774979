"""The simulated change of the demo: other customers come, prices rise, and some react to it.

Nothing here is measured from a market; the changes are made with a seed, so that what the
monitor should find is known.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .telco import TARGET

PRICE_RISE = 1.10
MONTHLY_WEIGHT = 4.0
PRICE_LIMIT = 75.0
NEW_CHURN = 0.85


def shifted(customers: pl.DataFrame, rows: int, *, seed: int) -> pl.DataFrame:
    """Draw customers so that the contract mix moves, and raise their prices.

    A month-to-month customer is drawn with four times the weight of another, each at most once,
    and keeps the true label; every monthly charge rises by a tenth. So the inputs move while the
    response of a given customer stays what it was.
    """
    rng = np.random.default_rng(seed)
    monthly = (customers["contract"] == "Month-to-month").to_numpy()
    weight = np.where(monthly, MONTHLY_WEIGHT, 1.0)
    drawn = rng.choice(customers.height, size=rows, replace=False, p=weight / weight.sum())
    # A weighted draw takes the heavy ones first: as they come, the mix would drift in mid-window.
    drawn = rng.permutation(drawn)
    return customers[drawn].with_columns((pl.col("monthly_charges") * PRICE_RISE).round(2))


def changed_response(customers: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Let month-to-month customers above a monthly charge of 75 churn with probability 0.85.

    Their label is drawn anew with that probability; every other customer's label stays.
    """
    rng = np.random.default_rng(seed)
    churns = pl.Series(rng.random(customers.height) < NEW_CHURN)
    reacts = (pl.col("contract") == "Month-to-month") & (pl.col("monthly_charges") > PRICE_LIMIT)
    drawn = pl.when(churns).then(pl.lit("Yes")).otherwise(pl.lit("No"))
    return customers.with_columns(
        pl.when(reacts).then(drawn).otherwise(pl.col(TARGET)).alias(TARGET)
    )


def expected_response(
    customers: pl.DataFrame, chances: NDArray[np.float64], *, seed: int
) -> pl.DataFrame:
    """Let every customer churn with the chance that a model gave, of shape (customers,).

    So that model is right about everybody, and no other can truly be better.
    """
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(customers.height) < chances, "Yes", "No")
    return customers.with_columns(pl.Series(TARGET, labels))
