"""The side to which a drifted column moved: which rows lie on it, and what share of a profile.

For a number (and the length of a text) that is the side of the point where the distributions
differ most; for categories, those that became more frequent. The effect is by how much the share of
that side grew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import polars as pl

from mlwright.core.signature import Kind
from mlwright.profile.profile import CategoryProfile, ColumnProfile, NumberProfile
from mlwright.stats.arrays import BoolArray, FloatArray

from .drift import Finding, category_counts


class Side(Protocol):
    """One side of a column."""

    def marks(self, values: pl.Series) -> BoolArray:
        """Mark the rows on it (n,)."""
        ...

    def share(self, column: ColumnProfile) -> tuple[float, int]:
        """Return the share of a profile that lies on it, and of how many rows."""
        ...


@dataclass(frozen=True, slots=True)
class _Missing:
    more: bool
    kind: Kind

    def marks(self, values: pl.Series) -> BoolArray:
        missing = np.isnan(_numbers(values, self.kind))
        return missing if self.more else ~missing

    def share(self, column: ColumnProfile) -> tuple[float, int]:
        rows = column.rows + column.nulls
        return (column.nulls if self.more else column.rows) / max(rows, 1), rows


@dataclass(frozen=True, slots=True)
class _Cut:
    """The numbers up to an edge (`below`), or beyond it."""

    place: int
    edge: float
    below: bool
    kind: Kind

    def marks(self, values: pl.Series) -> BoolArray:
        numbers = _numbers(values, self.kind)
        found = numbers <= self.edge if self.below else numbers > self.edge
        return np.asarray(found)

    def share(self, column: ColumnProfile) -> tuple[float, int]:
        upto = sum(cast("NumberProfile", column).counts[: self.place + 1])
        rows = column.rows + column.nulls
        return (upto if self.below else column.rows - upto) / max(rows, 1), rows


@dataclass(frozen=True, slots=True)
class _Grown:
    """The categories that became more frequent; `others` are all that have no name here."""

    names: Mapping[str, bool]
    others: bool
    missing: bool

    def marks(self, values: pl.Series) -> BoolArray:
        text = values.cast(pl.String).to_list()
        return np.array(
            [self.missing if v is None else self.names.get(v, self.others) for v in text],
            dtype=bool,
        )

    def share(self, column: ColumnProfile) -> tuple[float, int]:
        known = cast("CategoryProfile", column)
        inside = sum(count for name, count in known.counts.items() if self.names[name])
        inside += known.other * self.others + known.nulls * self.missing
        rows = column.rows + column.nulls
        return inside / max(rows, 1), rows


def side(
    finding: Finding, reference: ColumnProfile, current: ColumnProfile, kind: Kind
) -> Side | None:
    """Return the side to which a column moved, or None where there is none."""
    if isinstance(reference, NumberProfile) and isinstance(current, NumberProfile):
        if finding.kind == "missing_values":
            nulls = [part.nulls / max(part.nulls + part.rows, 1) for part in (reference, current)]
            return _Missing(nulls[1] > nulls[0], kind)
        shares = [np.cumsum(part.counts) / max(part.rows, 1) for part in (reference, current)]
        gap = (shares[1] - shares[0])[:-1]
        if not len(gap):
            return None
        at = int(np.argmax(np.abs(gap)))
        return _Cut(at, reference.edges[at], bool(gap[at] > 0), kind)
    if isinstance(reference, CategoryProfile) and isinstance(current, CategoryProfile):
        counts = [np.asarray(category_counts(p, reference), float) for p in (reference, current)]
        before, now = [count / max(count.sum(), 1) for count in counts]
        *named, others, missing = (now > before).tolist()
        return _Grown(dict(zip(reference.counts, named, strict=True)), others, missing)
    return None


def _numbers(values: pl.Series, kind: Kind) -> FloatArray:
    lengths = values.str.len_chars() if kind == "text" else values
    return np.asarray(lengths.cast(pl.Float64, strict=False).fill_null(float("nan")), np.float64)
