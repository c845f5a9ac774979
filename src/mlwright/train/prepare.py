"""Take a table apart into what trains and what judges, as arrays, before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from mlwright.core.errors import ConfigError, DataError, did_you_mean
from mlwright.data.dates import as_dates
from mlwright.data.numbers import as_numbers
from mlwright.data.schema import Schema, columns, infer, target_codes
from mlwright.data.split import group_numbers, rows_together, split
from mlwright.data.target import Asked, labelled_rows
from mlwright.stats.arrays import FloatArray
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.derive import with_choices
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
    def cells(self) -> int:
        """Return how many values the training rows hold."""
        return len(self.sample.columns) * len(self.sample.target)

    @property
    def rows(self) -> dict[str, int]:
        """Return how many rows train and judge."""
        return {"train": len(self.sample.target), "holdout": len(self.held_target)}


def noticed(
    table: pl.DataFrame, target: str, *, task: Asked = None, choices: Choices = PLAIN
) -> Schema:
    """Infer the schema as the choices say; what cannot be trained on is noticed, not refused.

    Raises:
        ConfigError: a choice names a column that is not there, or an expression cannot be read.
        DataError: as `data.schema.infer`.
    """
    _check_named(table, choices)
    aside = [name for name in (choices.weight, choices.group) if name not in (None, target)]
    known = choices.available_at
    schema = infer(
        table,
        target,
        task=task,
        aside=[name for name in aside if name is not None],
        unavailable=[name for name, when in known.items() if when == "after" and name != target],
        known_before=[name for name, when in known.items() if when == "before"],
        drop_leaks=choices.drop_leaks,
    )
    return with_choices(schema, table, choices)


def trainable(
    table: pl.DataFrame, target: str, *, task: Asked = None, choices: Choices = PLAIN
) -> Schema:
    """Infer the schema as the choices say, and refuse what cannot be trained on.

    Its `date_column` is the one that orders the rows, so None where the split is not by time.

    Raises:
        ConfigError: dated rows are to be split at random, or a choice names no column.
        DataError: numbers are infinite, or a split by time has no dates.
    """
    schema = noticed(table, target, task=task, choices=choices)
    infinite = [finding for finding in schema.findings if finding.kind == "infinite"]
    if infinite:
        rows = {f.column: f.action.partition(" must")[0] for f in infinite}
        raise DataError(
            "the table holds infinite values: "
            + ", ".join(f"{name!r} in {count}" for name, count in rows.items()),
            hint="mend these values, or leave them blank to count as missing",
        )
    dated = schema.date_column
    if choices.split == "time" and dated is None:
        raise DataError(
            "a split by time needs a column of dates without blanks, and the table has none",
            hint="use --split random, or give the table such a column",
        )
    if choices.split == "random" and dated is not None and not choices.force_random_split:
        raise ConfigError(
            f"the rows are dated by {dated!r}: split at random, the model would be judged on days "
            "that it was trained on",
            hint="leave --split at auto, or add --force-random-split",
        )
    return schema if choices.split in ("auto", "time") else replace(schema, date_column=None)


def _check_named(table: pl.DataFrame, choices: Choices) -> None:
    named: dict[str, list[str | None]] = {
        "model.weight": [choices.weight],
        "model.split": [choices.group],
        "model.available_at": list(choices.available_at),
    }
    for key, names in named.items():
        for name in names:
            if name is not None and name not in table.columns:
                raise ConfigError(
                    f"{key}: the table has no column {name!r}{did_you_mean(name, table.columns)}",
                    hint="name a column of the table",
                )


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
        DataError: the holdout is too small or has unknown classes, or the weights' column holds
            other than non-negative numbers.
        SignatureError: the holdout does not have the table's columns.
    """
    weighted = _weights(weights, table) if weights is not None else column_weights(table, choices)
    signature = schema.signature
    if holdout is None:
        parts = split(table, schema, share=_share(share), seed=seed, group=choices.group)
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
        _groups(train, schema, choices),
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


def column_weights(table: pl.DataFrame, choices: Choices) -> FloatArray | None:
    """Return the weights that a column of the table holds (n,), where one is chosen.

    Raises:
        DataError: it holds other than non-negative numbers.
    """
    if choices.weight is None or choices.weight not in table.columns:
        return None
    series = table[choices.weight]
    numbers = series if series.dtype.is_numeric() else as_numbers(series.cast(pl.String))
    if numbers is not None and numbers.null_count() == 0:
        found = np.asarray(numbers.to_numpy(), dtype=np.float64)
        if (np.isfinite(found) & (found >= 0)).all() and found.any():
            return found
    raise DataError(
        f"the column of weights {choices.weight!r} must hold one non-negative number a row, not "
        "all 0",
        hint="mend those rows, or name another column in model.weight",
    )


def _groups(train: pl.DataFrame, schema: Schema, choices: Choices) -> NDArray[np.int64] | None:
    if choices.group in train.columns:
        return group_numbers(train, [str(choices.group)])
    return rows_together(train, schema)


def _order(train: pl.DataFrame, schema: Schema) -> NDArray[np.int64] | None:
    """Return each row's rank in time, where rows are dated."""
    dates = as_dates(train[schema.date_column]) if schema.date_column else None
    if dates is None:
        return None
    order = np.empty(train.height, dtype=np.int64)
    order[np.argsort(dates.to_physical().to_numpy(), kind="stable")] = np.arange(train.height)
    return order
