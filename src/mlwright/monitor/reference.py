"""What a window is compared with: a bundle's profile, or rows that are given, by hour if dated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core.errors import DataError
from mlwright.core.signature import Column
from mlwright.data.columns import judge
from mlwright.profile.count import finite_part
from mlwright.profile.profile import CategoryProfile, ColumnProfile, NumberProfile, Profile
from mlwright.stats.sorted_samples import Prepared

from .observe import observe
from .sources import Sample, Say

if TYPE_CHECKING:
    from mlwright.bundle.bundle import Bundle

HOURS = 24
_FEWEST_AN_HOUR = 30
_NO_FEATURE = {"id": "ids", "date": "dates", "nested": "lists or objects"}


@dataclass(frozen=True, slots=True)
class Reference:
    """The columns to compare, their profile, and what makes the comparison exact.

    `raw` holds the values of numbers, where rows were given; `hours` the profiles of the hours of
    the day (UTC), where those rows are dated and cover the day.
    """

    name: str
    columns: tuple[Column, ...]
    profile: Profile
    raw: Mapping[str, Prepared] = field(default_factory=dict, repr=False)
    hours: Mapping[int, Profile] = field(default_factory=dict, repr=False)
    sample: Sample | None = field(default=None, repr=False)

    def of_hours(self, shares: Mapping[int, float]) -> Profile | None:
        """Return the reference as it is at these hours of the day, None where it does not know.

        Args:
            shares: of the window's rows, by hour of the day.
        """
        if not shares or not shares.keys() <= self.hours.keys():
            return None
        parts = [(self.hours[hour], share) for hour, share in shares.items()]
        return replace(_mixed(parts), score=self.profile.score)

    def without(self, names: Collection[str]) -> Reference:
        """Return the reference without some columns, which are then not compared."""
        if not names:
            return self
        columns = tuple(column for column in self.columns if column.name not in names)
        kept = {n: column for n, column in self.profile.columns.items() if n not in names}
        return replace(self, columns=columns, profile=replace(self.profile, columns=kept))


def of_bundle(bundle: Bundle, name: str) -> Reference:
    """Return the profile that a bundle brings of its training data."""
    return Reference(name, bundle.signature.inputs, bundle.profile)


def of_sample(
    sample: Sample,
    name: str,
    *,
    columns: Sequence[Column] = (),
    lists: bool = False,
    say: Say = lambda _: None,
) -> Reference:
    """Prepare rows that are given as a reference.

    Args:
        sample: the rows.
        name: what messages call them.
        columns: the columns to compare; found out where none are given. One that the rows lack is
            left out.
        lists: lists are compared too, elsewhere: it may be that no column is left.
        say: told which columns are no features.

    Raises:
        DataError: no column is left to compare.
    """
    wanted = [c for c in columns if c.name in sample.features] or _found(sample, say)
    if not (wanted or lists) or not sample.rows:
        raise DataError(
            f"{name} has no column to compare with",
            hint="give rows with the model's features; lists of numbers are compared by --joint",
        )
    seen = observe(sample.column, wanted, rows=sample.rows, keep=True)
    raw = {
        column: Prepared.of(finite)
        for column, one in seen.columns.items()
        if one.ordered is not None and len(finite := finite_part(one.ordered))
    }
    profile = seen.profile
    return Reference(name, tuple(wanted), profile, raw, _by_hour(sample, wanted, profile), sample)


def _found(sample: Sample, say: Say) -> list[Column]:
    columns = []
    for name in sample.features:
        series = sample.column(name)
        if series.dtype.is_float():
            columns.append(Column(name, "number", nullable=True))
            continue
        judged = judge(series)
        if judged.column is not None:
            columns.append(judged.column)
        elif judged.finding is not None and judged.finding.kind in _NO_FEATURE:
            held = _NO_FEATURE[judged.finding.kind]
            say(f"{name} is not compared by itself: it holds {held}")
        else:  # constant or empty: whatever else comes is news
            textual = series.dtype == pl.String
            columns.append(Column(name, "category" if textual else "number", nullable=True))
    return columns


def hours_of(time: pl.Series) -> NDArray[np.int64]:
    """Return the hour of the day (UTC) of times in seconds since 1970; -1 where there is none."""
    hours = (time.cast(pl.Float64) / 3600).floor() % HOURS
    return np.asarray(hours.fill_null(-1).cast(pl.Int64).to_numpy())


def shares_of_hours(facts: pl.DataFrame) -> dict[int, float]:
    """Return the share of rows in each hour of the day; nothing where times are not known."""
    if "time" not in facts.columns or not facts.height:
        return {}
    found, counts = np.unique(hours_of(facts["time"]), return_counts=True)
    return dict(zip(found.tolist(), (counts / counts.sum()).tolist(), strict=True))


def _by_hour(sample: Sample, columns: Sequence[Column], like: Profile) -> dict[int, Profile]:
    """Count the rows of each hour of the day; none where an hour has too few to compare with."""
    if "time" not in sample.facts.columns:
        return {}
    hours = hours_of(sample.facts["time"])
    rows = {hour: pl.Series(hours == hour) for hour in range(HOURS)}
    if min(int(chosen.sum()) for chosen in rows.values()) < _FEWEST_AN_HOUR:
        return {}
    series = {column.name: sample.column(column.name) for column in columns}
    return {
        hour: observe(_filtered(series, chosen), columns, rows=int(chosen.sum()), like=like).profile
        for hour, chosen in rows.items()
    }


def _filtered(series: Mapping[str, pl.Series], rows: pl.Series) -> Callable[[str], pl.Series]:
    return lambda name: series[name].filter(rows)


def _mixed(parts: Sequence[tuple[Profile, float]]) -> Profile:
    """Mix profiles by shares; the rows are those that a plain sample as sure would have (Kish)."""
    rows = 1 / sum(share**2 / part.rows for part, share in parts)
    columns = {
        name: _mixed_column([(part.columns[name], share) for part, share in parts], rows)
        for name in parts[0][0].columns
    }
    return Profile(columns, round(rows))


def _mixed_column(parts: Sequence[tuple[ColumnProfile, float]], rows: float) -> ColumnProfile:
    first = parts[0][0]
    total = first
    for part, _ in parts[1:]:
        total = _added(total, part)
    weights = [share * rows / max(part.rows + part.nulls, 1) for part, share in parts]
    if isinstance(total, NumberProfile):
        counts = np.array(weights) @ np.array([part.counts for part, _ in parts])
        nulls = sum(w * p.nulls for (p, _), w in zip(parts, weights, strict=True))
        return NumberProfile(
            total.edges, _whole(counts), round(nulls), total.minimum, total.maximum, total.total
        )
    known = [part for part, _ in parts if isinstance(part, CategoryProfile)]
    cells = np.array(weights) @ np.array([[*p.counts.values(), p.other, p.nulls] for p in known])
    *named, other, nulls_ = _whole(cells)
    return CategoryProfile(dict(zip(total.counts, named, strict=True)), other, nulls_)


def _added(first: ColumnProfile, second: ColumnProfile) -> ColumnProfile:
    if isinstance(first, NumberProfile) and isinstance(second, NumberProfile):
        return first + second
    if isinstance(first, CategoryProfile) and isinstance(second, CategoryProfile):
        return first + second
    raise ValueError("Profiles of hours are of one kind.")


def _whole(counts: NDArray[np.float64]) -> tuple[int, ...]:
    """Round counts so that no sum of the first few is off by more than half a row."""
    upto = np.rint(np.cumsum(counts)).astype(np.int64)
    return tuple(np.diff(upto, prepend=0).tolist())
