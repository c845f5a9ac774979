"""Find the rows of a table that do not fit a model, and say what is wrong with each."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from mlwright.core.signature import Column, Signature
from mlwright.data.numbers import BLANKS
from mlwright.data.schema import FITTERS

SCHEMA = {"row": pl.UInt32, "column": pl.String, "reason": pl.String}
_REASONS = {"number": "must be a number", "boolean": "must be true or false"}


def bad_rows(table: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """Return row (the first being 0), column and reason of each value that does not fit.

    The columns that the table has are looked at; the reasons hold no values.

    >>> signature = Signature((Column("age", "number"),), "binary", "left", ("No", "Yes"))
    >>> bad_rows(pl.DataFrame({"age": ["41", "old", None]}), signature).rows()
    [(1, 'age', 'must be a number'), (2, 'age', 'must not be null')]
    """
    found = pl.DataFrame(schema=SCHEMA)
    for column in signature.inputs:
        if column.name in table.columns:
            for wrong, reason in _wrong(table[column.name], column):
                rows = pl.DataFrame({"row": wrong.arg_true()}).with_columns(
                    pl.lit(column.name).alias("column"), pl.lit(reason).alias("reason")
                )
                found = found.vstack(rows.cast(SCHEMA))  # type: ignore[arg-type]
    return found.sort("row", maintain_order=True)


def _wrong(series: pl.Series, column: Column) -> Iterator[tuple[pl.Series, str]]:
    fitted, _ = FITTERS[column.kind](series)
    empty = fitted.is_null()
    if column.kind in _REASONS:
        unread = empty & ~_blank(series)
        yield unread, _REASONS[column.kind]
        empty &= ~unread
    if column.kind == "number" and fitted.dtype.is_float():
        yield fitted.is_infinite().fill_null(False), "must be a finite number"
    if not column.nullable:
        yield empty, "must not be null"


def _blank(series: pl.Series) -> pl.Series:
    if series.dtype.is_float():
        return series.is_null() | series.is_nan().fill_null(False)
    if series.dtype != pl.String:
        return series.is_null()
    return series.is_null() | series.str.strip_chars().str.to_lowercase().is_in(BLANKS)
