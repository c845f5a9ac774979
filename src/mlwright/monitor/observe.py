"""Columns of a sample as profiles and, beside a prepared reference, as exact distances."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core.signature import Column
from mlwright.data.numbers import to_numbers
from mlwright.data.schema import FITTERS
from mlwright.profile.count import MOST_CATEGORIES, finite_part, numbers
from mlwright.profile.profile import CategoryProfile, ColumnProfile, NumberProfile, Profile
from mlwright.stats.sorted_samples import Distances, Prepared, distances

from .order import ordered

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """One column of a window: its profile, and how many values were of another type.

    `exact` is there where the reference's values are; `breaks` values count as nulls.
    """

    profile: ColumnProfile
    exact: Distances | None
    breaks: int
    ordered: Floats | None


@dataclass(frozen=True, slots=True)
class Observed:
    """All columns of a window."""

    columns: Mapping[str, Seen]
    rows: int

    @property
    def profile(self) -> Profile:
        """Return the profile of the window."""
        return Profile({name: seen.profile for name, seen in self.columns.items()}, self.rows)

    @property
    def exact(self) -> dict[str, Distances]:
        """Return the exact distances of the numbers that have them."""
        return {name: seen.exact for name, seen in self.columns.items() if seen.exact}


def observe(
    column: Callable[[str], pl.Series],
    columns: Sequence[Column],
    *,
    rows: int,
    like: Profile | None = None,
    raw: Mapping[str, Prepared] | None = None,
    keep: bool = False,
) -> Observed:
    """Read each column once and count it on the reference's edges and categories.

    Args:
        column: reads a column by its name; asked from several threads.
        columns: which, and of what kind.
        rows: of the window.
        like: the reference's profile; without it each column is counted on its own edges.
        raw: the reference's values, where they are at hand.
        keep: keep the sorted values, to prepare a reference of them.
    """

    def one(wanted: Column) -> Seen:
        before = like.columns.get(wanted.name) if like else None
        prepared = (raw or {}).get(wanted.name)
        return _seen(column(wanted.name), wanted, before, prepared, keep=keep)

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        found = list(pool.map(one, columns))
    return Observed({c.name: seen for c, seen in zip(columns, found, strict=True)}, rows)


def _seen(
    series: pl.Series,
    column: Column,
    like: ColumnProfile | None,
    prepared: Prepared | None,
    *,
    keep: bool,
) -> Seen:
    if column.kind in ("number", "text"):
        values, breaks = ordered_numbers(series) if column.kind == "number" else _lengths(series)
        counted = numbers(
            values,
            len(series) - len(values),
            like=like if isinstance(like, NumberProfile) else None,
        )
        finite = finite_part(values) if prepared is not None else values
        exact = distances(prepared, finite) if prepared is not None and len(finite) else None
        return Seen(counted, exact, breaks, values if keep else None)
    text, breaks = _text(series, column)
    return Seen(_categories(text, like), None, breaks, None)


def ordered_numbers(series: pl.Series) -> tuple[Floats, int]:
    """Return a column's numbers in order, and how many values are none.

    >>> ordered_numbers(pl.Series(["2", "1", "much", None]))[0].tolist()
    [1.0, 2.0]
    """
    breaks = 0
    if series.dtype == pl.String:
        given = series
        series, breaks = to_numbers(series)
        breaks = max(breaks, 0) if len(given) else 0
    elif not (series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null)):
        return np.empty(0), series.count()
    values = ordered(series.cast(pl.Float64).drop_nulls())
    if len(values) and np.isnan(values[-1]):
        values = values[: int(np.searchsorted(values, np.nan, "left"))]
    return values, breaks


def _lengths(series: pl.Series) -> tuple[Floats, int]:
    text = series.cast(pl.String, strict=False)
    return ordered(text.str.len_chars().cast(pl.Float64).drop_nulls()), 0


def _text(series: pl.Series, column: Column) -> tuple[pl.Series, int]:
    """Return categories as text, and how many values are none."""
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        return pl.Series(series.name, [None] * len(series), pl.String), series.count()
    fitted, _ = FITTERS[column.kind](series)
    return fitted.cast(pl.String), fitted.null_count() - series.null_count()


def _categories(text: pl.Series, like: ColumnProfile | None) -> CategoryProfile:
    counted = text.drop_nulls().value_counts(name="rows")
    total = len(text) - text.null_count()
    name = text.name
    if isinstance(like, CategoryProfile):
        kept = counted.filter(pl.col(name).is_in(list(like.counts)))
        found = dict(zip(kept[name].to_list(), kept["rows"].to_list(), strict=True))
        counts = {category: found.get(category, 0) for category in like.counts}
    else:
        most = counted.sort(["rows", name], descending=[True, False]).head(MOST_CATEGORIES)
        counts = dict(zip(most[name].to_list(), most["rows"].to_list(), strict=True))
    return CategoryProfile(counts, total - sum(counts.values()), text.null_count())
