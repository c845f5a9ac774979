"""Profiles as few bytes, on edges and categories that a reference holds, and their fast sum."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
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


class _Packed(msgspec.Struct, array_like=True):
    rows: int
    columns: dict[str, _Column]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


def pack(profile: Profile) -> bytes:
    """Return a profile's counts; edges and categories are those of its reference."""
    columns = {name: _packed(column) for name, column in profile.columns.items()}
    if profile.score is not None:
        columns[SCORE] = _packed(profile.score)
    return zlib.compress(_encoder.encode(_Packed(profile.rows, columns)), 1)


def total(parts: Iterable[bytes], like: Profile) -> Profile:
    """Return the sum of packed profiles: the same as `a + b`, to the bit and in any order.

    Raises:
        ValueError: a part was counted on other edges or categories.
    """
    sums: dict[str, _Sum] = {}
    rows = 0
    for part in parts:
        packed = _decoder.decode(zlib.decompress(part))
        rows += packed.rows
        for name, column in packed.columns.items():
            sums.setdefault(name, _Sum()).add(column)
    columns = {name: _unpacked(sums.get(name), column) for name, column in like.columns.items()}
    score = None
    if like.score is not None and (SCORE in sums or not rows):
        score = _unpacked(sums.get(SCORE), like.score)
    return Profile(columns, rows, score)


def column(parts: Iterable[bytes], name: str, like: ColumnProfile) -> ColumnProfile:
    """Return the sum of one column, `SCORE` for the answers."""
    found = _Sum()
    for part in parts:
        packed = _decoder.decode(zlib.decompress(part))
        if name in packed.columns:
            found.add(packed.columns[name])
    return _unpacked(found, like)


class _Sum:
    def __init__(self) -> None:
        self.counts: np.ndarray | None = None
        self.nulls = 0
        self.minimum: float | None = None
        self.maximum: float | None = None
        self.total = Fraction(0)

    def add(self, column: _Column) -> None:
        counts = np.frombuffer(column.counts, dtype="<i8")
        if self.counts is not None and len(self.counts) != len(counts):
            raise ValueError("Profiles add up only when they were counted on the same edges.")
        self.counts = counts if self.counts is None else self.counts + counts
        self.nulls += column.nulls
        found = [v for v in (self.minimum, column.minimum) if v is not None]
        self.minimum = min(found) if found else None
        found = [v for v in (self.maximum, column.maximum) if v is not None]
        self.maximum = max(found) if found else None
        self.total += Fraction(column.total)


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
            like.edges, tuple(counts), found.nulls, found.minimum, found.maximum, found.total
        )
    *named, other = counts
    return CategoryProfile(dict(zip(like.counts, named, strict=True)), other, found.nulls)
