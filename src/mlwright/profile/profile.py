"""Profiles: counts of numbers on fixed edges, counts of categories, and their exact sums.

Profiles made with the same edges and categories add up to the profile of all their rows, to the
bit and in any order: every part of the state is an integer, a minimum, or an exact fraction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class NumberProfile:
    """The numbers of a column, counted between edges.

    `counts[i]` holds the rows with edges[i-1] < x <= edges[i]; the first count is all below the
    range of the reference, the last all above it. `total` is the exact sum of the finite values.

    >>> NumberProfile((0.0, 1.0, 2.0), (0, 3, 1, 0), 0, 1.0, 2.0, Fraction(5)).mean
    1.25
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    nulls: int
    minimum: float | None
    maximum: float | None
    total: Fraction

    def __add__(self, other: NumberProfile) -> NumberProfile:
        """Return the profile of both parts' rows.

        Raises:
            ValueError: the two were counted on different edges.
        """
        if self.edges != other.edges:
            raise ValueError("Profiles add up only when they were counted on the same edges.")
        return NumberProfile(
            self.edges,
            tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            self.nulls + other.nulls,
            _extreme(min, self.minimum, other.minimum),
            _extreme(max, self.maximum, other.maximum),
            self.total + other.total,
        )

    @property
    def rows(self) -> int:
        """Return how many rows hold a number."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """Return the mean of the numbers (infinite ones count as zero), None without any."""
        return float(self.total / self.rows) if self.rows else None

    def to_json(self) -> dict[str, Any]:
        """Return the profile as a JSON object, the inverse of `from_json`."""
        return {
            "kind": "number",
            "edges": list(self.edges),
            "counts": list(self.counts),
            "nulls": self.nulls,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "total": str(self.total),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> NumberProfile:
        """Read what `to_json` wrote."""
        return cls(
            tuple(map(float, value["edges"])),
            tuple(value["counts"]),
            value["nulls"],
            value["minimum"],
            value["maximum"],
            Fraction(value["total"]),
        )


@dataclass(frozen=True, slots=True)
class CategoryProfile:
    """The categories of a column: those of the reference by name, all further ones as `other`.

    >>> CategoryProfile({"a": 2, "b": 0}, other=1, nulls=0).rows
    3
    """

    counts: dict[str, int]
    other: int
    nulls: int

    def __add__(self, other: CategoryProfile) -> CategoryProfile:
        """Return the profile of both parts' rows.

        Raises:
            ValueError: the two name different categories.
        """
        if self.counts.keys() != other.counts.keys():
            raise ValueError("Profiles add up only when they name the same categories.")
        counts = {name: count + other.counts[name] for name, count in self.counts.items()}
        return CategoryProfile(counts, self.other + other.other, self.nulls + other.nulls)

    @property
    def rows(self) -> int:
        """Return how many rows hold a category."""
        return sum(self.counts.values()) + self.other

    def to_json(self) -> dict[str, Any]:
        """Return the profile as a JSON object, the inverse of `from_json`."""
        counts = dict(self.counts)
        return {"kind": "category", "counts": counts, "other": self.other, "nulls": self.nulls}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> CategoryProfile:
        """Read what `to_json` wrote."""
        return cls(dict(value["counts"]), value["other"], value["nulls"])


ColumnProfile = NumberProfile | CategoryProfile


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of a table: its columns, its rows, and what the model answered to them.

    `score` counts the score of a binary model or the value of a regression, as numbers, or the
    most probable class of a multiclass model, as categories; None when no scores were given.
    """

    columns: dict[str, ColumnProfile]
    rows: int
    score: ColumnProfile | None = None

    def __add__(self, other: Profile) -> Profile:
        """Return the profile of both tables' rows.

        Raises:
            ValueError: their columns, edges or categories differ, or one alone has scores.
        """
        if self.columns.keys() != other.columns.keys():
            raise ValueError("Profiles add up only when they have the same columns.")
        columns = {name: _sum(mine, other.columns[name]) for name, mine in self.columns.items()}
        score = None
        if self.score is not None and other.score is not None:
            score = _sum(self.score, other.score)
        elif self.score is not other.score:
            raise ValueError("Profiles add up only when both have scores or neither has.")
        return Profile(columns, self.rows + other.rows, score)

    def to_json(self) -> dict[str, Any]:
        """Return the profile as a JSON object, the inverse of `from_json`."""
        return {
            "rows": self.rows,
            "columns": {name: column.to_json() for name, column in self.columns.items()},
            "score": self.score.to_json() if self.score else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Profile:
        """Read what `to_json` wrote."""
        columns = {name: _column(column) for name, column in value["columns"].items()}
        return cls(columns, value["rows"], _column(value["score"]) if value["score"] else None)


def _sum(first: ColumnProfile, second: ColumnProfile) -> ColumnProfile:
    if isinstance(first, NumberProfile) and isinstance(second, NumberProfile):
        return first + second
    if isinstance(first, CategoryProfile) and isinstance(second, CategoryProfile):
        return first + second
    raise ValueError("Profiles add up only when each column is of one kind.")


def _column(value: Mapping[str, Any]) -> ColumnProfile:
    kind = NumberProfile if value["kind"] == "number" else CategoryProfile
    return kind.from_json(value)


def _extreme(
    choose: Callable[[float, float], float], first: float | None, second: float | None
) -> float | None:
    if first is None or second is None:
        return second if first is None else first
    return choose(first, second)
