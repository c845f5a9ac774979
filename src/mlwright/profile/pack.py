"""Profiles as few bytes, on edges and categories that a reference holds, and their fast sum."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from fractions import Fraction

import msgspec
import numpy as np

from .profile import CategoryProfile, ColumnProfile, NumberProfile, Profile

SCORE = "\0score"  # no column of a table can be called this in a file of text


class _Column(msgspec.Struct, array_like=True):
    """Counts as 64-bit numbers; of numbers also nulls, extremes and the exact sum."""

    counts: bytes
    nulls: int = 0
    minimum: float | None = None
    maximum: float | None = None
    total: str = "0"


class Packed(msgspec.Struct, array_like=True):
    """A profile without its edges and categories."""

    rows: int
    columns: dict[str, _Column]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Packed)


def pack(profile: Profile) -> bytes:
    """Return a profile's counts; edges and categories are those of its reference."""
    columns = {name: _packed(column) for name, column in profile.columns.items()}
    if profile.score is not None:
        columns[SCORE] = _packed(profile.score)
    return zlib.compress(_encoder.encode(Packed(profile.rows, columns)), 1)


def unpack(part: bytes) -> Packed:
    """Return what `pack` packed."""
    return _decoder.decode(zlib.decompress(part))


def total(parts: Iterable[Packed], like: Profile) -> Profile:
    """Return the sum of packed profiles: the same as `a + b`, to the bit and in any order.

    Raises:
        ValueError: a part was counted on other edges or categories.
    """
    sums: dict[str, _Sum] = {}
    rows = 0
    for part in parts:
        rows += part.rows
        for name, column in part.columns.items():
            sums.setdefault(name, _Sum()).add(column)
    columns = {name: _unpacked(sums.get(name), column) for name, column in like.columns.items()}
    score = None
    if like.score is not None and (SCORE in sums or not rows):
        score = _unpacked(sums.get(SCORE), like.score)
    return Profile(columns, rows, score)


def columns(parts: Iterable[Packed], like: Mapping[str, ColumnProfile]) -> dict[str, ColumnProfile]:
    """Return the sums of the columns that `like` names, `SCORE` for the answers."""
    sums = {name: _Sum() for name in like}
    for part in parts:
        for name in sums.keys() & part.columns.keys():
            sums[name].add(part.columns[name])
    return {name: _unpacked(sums[name], column) for name, column in like.items()}


class _Sum:
    def __init__(self) -> None:
        self.counts: np.ndarray | None = None
        self.nulls = 0
        self.minimum, self.maximum = math.inf, -math.inf
        self._totals: dict[int, int] = {}  # denominator, a power of two: the sum of numerators

    def add(self, column: _Column) -> None:
        counts = np.frombuffer(column.counts, dtype="<i8")
        if self.counts is None:
            self.counts = counts.copy()
        elif len(self.counts) == len(counts):
            self.counts += counts
        else:
            raise ValueError("Profiles add up only when they were counted on the same edges.")
        self.nulls += column.nulls
        if column.minimum is not None and column.maximum is not None:
            self.minimum = min(self.minimum, column.minimum)
            self.maximum = max(self.maximum, column.maximum)
        above, _, below = column.total.partition("/")
        denominator = int(below or 1)
        self._totals[denominator] = self._totals.get(denominator, 0) + int(above)

    @property
    def least(self) -> float | None:
        """Return the least value, None where there was none."""
        return self.minimum if self.minimum <= self.maximum else None

    @property
    def greatest(self) -> float | None:
        """Return the greatest value, None where there was none."""
        return self.maximum if self.minimum <= self.maximum else None

    @property
    def total(self) -> Fraction:
        """Return the exact sum."""
        return sum((Fraction(*part[::-1]) for part in self._totals.items()), Fraction(0))


def _packed(column: ColumnProfile) -> _Column:
    if isinstance(column, NumberProfile):
        counts = np.array(column.counts, dtype="<i8").tobytes()
        spread = (column.minimum, column.maximum, str(column.total))
        return _Column(counts, column.nulls, *spread)
    counts = np.array([*column.counts.values(), column.other], dtype="<i8").tobytes()
    return _Column(counts, column.nulls)


def _unpacked(found: _Sum | None, like: ColumnProfile) -> ColumnProfile:
    length = len(like.counts) + (0 if isinstance(like, NumberProfile) else 1)
    found = found or _Sum()
    counts = [0] * length if found.counts is None else found.counts.tolist()
    if len(counts) != length:
        raise ValueError("Profiles add up only when they were counted on the same edges.")
    if isinstance(like, NumberProfile):
        return NumberProfile(
            like.edges, tuple(counts), found.nulls, found.least, found.greatest, found.total
        )
    *named, other = counts
    return CategoryProfile(dict(zip(like.counts, named, strict=True)), other, found.nulls)
