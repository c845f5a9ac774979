"""Rows of a window and of its reference side by side, as a classifier two-sample test takes them.

At most 20,000 rows a side. Numbers become normal scores of their rank among all these rows, so
that neither unit nor outlier matters, and squares of them; categories become one part each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from mlwright.core.signature import Column
from mlwright.data.schema import FITTERS
from mlwright.stats.arrays import FloatArray, IntArray
from mlwright.stats.pairs import MOST_PARTS, Pairs, Parts, normal_scores

from .reference import hours_of, shares_of_hours
from .sources import Sample

MOST_ROWS = 20_000
_MOST_CATEGORIES = 12
_FEWEST_ROWS = 20  # that a part has to be different in
_LEAST_SHARE = 0.01
_MOST_WITH_SQUARES = 100  # numbers


@dataclass(frozen=True, slots=True)
class Both:
    """A column of the reference's rows, then of the window's."""

    reference: Sample
    current: Sample
    at_reference: IntArray
    at_current: IntArray

    def sides(self, name: str) -> tuple[pl.Series, pl.Series]:
        """Return a column's values of both, as they are."""
        before, now = self.reference.column(name), self.current.column(name)
        return before.gather(self.at_reference), now.gather(self.at_current)

    def column(self, column: Column) -> pl.Series | None:
        """Return the column's values in all rows, None where a side holds what it cannot be."""
        before, now = (_fitted(side, column) for side in self.sides(column.name))
        if before is None or now is None:
            return None
        return pl.concat([before, now])


def _fitted(series: pl.Series, column: Column) -> pl.Series | None:
    """Return a side's values in the form of their kind: a file and the log write them otherwise."""
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        return None
    fitted = FITTERS[column.kind](series)[0]
    if column.kind in ("category", "text"):
        return fitted
    return (
        fitted.cast(pl.Float64) if fitted.dtype.is_numeric() or fitted.dtype == pl.Boolean else None
    )


def drawn(reference: Sample, current: Sample, *, hours: Collection[int], seed: int = 0) -> Both:
    """Draw the rows to compare.

    Args:
        reference: the rows to compare with.
        current: the rows of the window.
        hours: hours of the day that the reference knows; where it knows all of the window's, its
            rows are drawn so that each hour has its share of them.
        seed: of what is drawn.
    """
    random = np.random.default_rng(seed)
    shares = shares_of_hours(current.facts)
    if shares and shares.keys() <= set(hours):
        before = _by_hours(reference, shares, random)
    else:
        before = _some(np.arange(reference.rows), MOST_ROWS, random)
    return Both(reference, current, before, _some(np.arange(current.rows), MOST_ROWS, random))


def _by_hours(
    reference: Sample, shares: Mapping[int, float], random: np.random.Generator
) -> IntArray:
    hours = hours_of(reference.facts["time"])
    rows = {hour: np.flatnonzero(hours == hour) for hour in shares}
    total = min(MOST_ROWS, *(len(rows[hour]) / share for hour, share in shares.items()))
    return np.sort(
        np.concatenate([_some(rows[hour], int(total * shares[hour]), random) for hour in shares])
    )


def _some(rows: IntArray, most: int, random: np.random.Generator) -> IntArray:
    if len(rows) <= most:
        return rows
    return np.sort(random.choice(rows, most, replace=False))


@dataclass(frozen=True, eq=False)
class Encoded:
    """The columns as terms, and what each part of them is called."""

    pairs: Pairs
    columns: tuple[str, ...]
    parts: tuple[str, ...]


def encoded(both: Both, columns: Sequence[Column]) -> Encoded | None:
    """Return the columns as terms of a test, or None where fewer than two have any.

    Args:
        both: the rows.
        columns: the most important first: of very many parts the last are left out.
    """
    squares = sum(column.kind == "number" for column in columns) <= _MOST_WITH_SQUARES
    names: list[str] = []
    owner: list[int] = []
    parts: list[Parts] = []
    for place, column in enumerate(columns):
        series = both.column(column)
        for name, values in () if series is None else _parts(series, column, squares=squares):
            if len(parts) < MOST_PARTS and values.std() > 0:
                names.append(name)
                owner.append(place)
                parts.append(values.astype(np.float32))
    if len(set(owner)) < 2:
        return None
    made = Pairs.of(np.column_stack(parts), np.array(owner))
    return Encoded(made, tuple(column.name for column in columns), tuple(names))


def _parts(series: pl.Series, column: Column, *, squares: bool) -> Iterator[tuple[str, FloatArray]]:
    name = column.name
    if column.kind == "category":
        yield from _of_categories(series, name)
        return
    if column.kind == "text":
        series = series.str.len_chars().cast(pl.Float64)
    values = series.fill_null(float("nan")).to_numpy()
    scores = normal_scores(values)
    yield name, scores
    if squares and column.kind == "number":
        yield f"distance of {name} from its median", scores**2
    missing = np.isnan(values)
    if _enough(missing):
        yield f"{name} missing", missing.astype(np.float64)


def _of_categories(text: pl.Series, name: str) -> Iterator[tuple[str, FloatArray]]:
    counted = text.drop_nulls().value_counts(name="rows")
    most = counted.sort(["rows", text.name], descending=[True, False]).head(_MOST_CATEGORIES)
    for category in most[text.name].to_list():
        holds = (text == category).fill_null(False).to_numpy()
        if _enough(holds):
            yield f"{name} = {category}", holds.astype(np.float64)
    missing = text.is_null().to_numpy()
    if _enough(missing):
        yield f"{name} missing", missing.astype(np.float64)


def _enough(marked: np.ndarray) -> bool:
    """Say whether a part is in enough rows, and not in all but a few: else normal theory fails."""
    least = max(_FEWEST_ROWS, _LEAST_SHARE * len(marked))
    return bool(least <= marked.sum() <= len(marked) - least)
