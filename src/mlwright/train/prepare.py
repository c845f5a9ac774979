"""Take a table apart into what trains and what judges, as arrays, before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from mlwright.core.errors import ConfigError, DataError
from mlwright.data.dates import as_dates
from mlwright.data.schema import Schema, columns, target_codes
from mlwright.data.split import split
from mlwright.data.target import labelled_rows
from mlwright.stats.arrays import FloatArray
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.folds import Sample

_FEWEST_HELD = 5


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Training rows, those of them that make the reference, and the holdout."""

    table: pl.DataFrame
    sample: Sample
    reference: NDArray[np.bool_]
    held: Mapping[str, NDArray[Any]]
    held_target: NDArray[Any]
    how: str

    @property
    def rows(self) -> dict[str, int]:
        """Return how many rows train and judge."""
        return {"train": len(self.sample.target), "holdout": len(self.held_target)}


def prepare(
    table: pl.DataFrame,
    schema: Schema,
    *,
    holdout: pl.DataFrame | None,
    share: float,
    seed: int,
    weights: ArrayLike | None,
    reference: NDArray[np.bool_] | None,
    choices: Choices = PLAIN,
) -> Prepared:
    """Divide the table, or take the given holdout; leave out rows without a target.

    Raises:
        ConfigError: the share is not one, or the weights are not one non-negative number a row.
        DataError: the holdout is too small or has unknown classes.
        SignatureError: the holdout does not have the table's columns.
    """
    weighted = None if weights is None else _weights(weights, table)
    signature = schema.signature
    if holdout is None:
        parts = split(table, schema, share=_share(share), seed=seed)
        train, held, how, rows = parts.train, parts.holdout, parts.how, parts.train_rows
    else:
        rows = labelled_rows(table, signature.target)
        train, held = table[rows], holdout[labelled_rows(holdout, signature.target)]
        how = "given with the table"
    if held.height < _FEWEST_HELD:
        raise DataError(
            f"the holdout has {held.height} rows, too few to judge a model by",
            hint="give more rows, or a larger share",
        )
    sample = Sample(
        columns(train, signature),
        target_codes(train, signature),
        None if weighted is None else weighted[rows],
        _order(train, schema),
    )
    return Prepared(
        train,
        sample,
        np.ones(train.height, bool) if reference is None else reference[rows],
        columns(held, signature),
        target_codes(held, signature),
        how,
    )


def _share(share: float) -> float:
    if not 0 < share < 1:
        raise ConfigError(f"a holdout's share lies between 0 and 1, got {share}", hint="try 0.2")
    return share


def _weights(weights: ArrayLike, table: pl.DataFrame) -> FloatArray:
    found = np.asarray(weights, dtype=np.float64)
    if found.shape != (table.height,) or not (np.isfinite(found) & (found >= 0)).all():
        raise ConfigError(
            f"weights must be one non-negative number for each of the {table.height:,} rows",
            hint="leave them out to count every row once",
        )
    return found


def _order(train: pl.DataFrame, schema: Schema) -> NDArray[np.int64] | None:
    """Return each row's rank in time, where rows are dated."""
    dates = as_dates(train[schema.date_column]) if schema.date_column else None
    if dates is None:
        return None
    order = np.empty(train.height, dtype=np.int64)
    order[np.argsort(dates.to_physical().to_numpy(), kind="stable")] = np.arange(train.height)
    return order
