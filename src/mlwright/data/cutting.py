"""A file cut into pieces: where one begins, what it holds, and what reads the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import polars as pl


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece begins: the file, the bytes of unpacked text or rows of Parquet before it.

    `lines` counts the lines of text before it in its file, `rows` those of all files.
    """

    file: int = 0
    offset: int = 0
    lines: int = 0
    rows: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the place as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of a piece, where the next one begins, and the share of the file until there."""

    table: pl.DataFrame
    end: Place
    share: float


class Reader(Protocol):
    """One file, read in pieces."""

    @property
    def columns(self) -> Sequence[str]:
        """Return the names of the columns."""
        ...

    def types(self, names: Collection[str]) -> dict[str, pl.DataType]:
        """Return the type of each column over the whole file; Null where it holds nothing."""
        ...

    def whole(self, name: str) -> bool:
        """Tell whether a column of floats holds nothing but whole numbers."""
        ...

    def read(self, place: Place) -> Iterator[Cut]:
        """Yield the pieces from a place on."""
        ...

    def convert(self, series: pl.Series, to: pl.DataType) -> pl.Series:
        """Return a column of a piece in its type."""
        ...

    def numbers(self, series: pl.Series) -> pl.Series:
        """Return a column of numbers in a form that can be read as such."""
        ...


def merged(types: Sequence[pl.DataType]) -> pl.DataType:
    """Return the one type for what was found in parts of a column.

    >>> merged([pl.Int64(), pl.Null(), pl.Float64()]), merged([pl.Int64(), pl.Boolean()])
    (Float64, String)
    """
    known = list(dict.fromkeys(kind for kind in types if kind != pl.Null))
    if len(known) < 2:
        return known[0] if known else pl.Null()
    return pl.Float64() if all(kind.is_numeric() for kind in known) else pl.String()


def is_whole(series: pl.Series) -> bool:
    """Tell whether a column holds nothing but whole numbers, where it holds floats."""
    if not series.dtype.is_float():
        return True
    return bool((series.drop_nulls() % 1 == 0).all())
