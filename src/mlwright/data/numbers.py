"""Numbers written as text: `" 29.85"`, `"$1,234.50"`, with blanks where nothing was known."""

from __future__ import annotations

import polars as pl

BLANKS = ("", "-", "?", "na", "n/a", "nan", "nil", "none", "null")
"""Texts, in lower case and stripped, that mean "not known" among numbers."""


_SIGN = "[$€£¥₹]"
_DRESSED = rf"^[+-]?{_SIGN}?\s?[+-]?([1-9]\d{{0,2}}(,\d{{3}})+|\d+)(\.\d+)?\s?({_SIGN}|%)?$"
"""A number with thousands set off, a sign of currency, or per cent, where 12% stays 12.

Each value is read for itself, so that a row means the same wherever it is read. A decimal comma is
found with the file's form (`delimited`), never here.
"""


def as_numbers(series: pl.Series) -> pl.Series | None:
    """Return a text column as Float64, blanks as null, or None when it holds other text.

    >>> as_numbers(pl.Series(["29.85", " ", "$1,234.50"])).to_list()
    [29.85, None, 1234.5]
    """
    numbers, wrong = to_numbers(series)
    return numbers if wrong == 0 and numbers.null_count() < len(numbers) else None


def to_numbers(series: pl.Series) -> tuple[pl.Series, int]:
    """Return a text column as Float64, and in how many rows text is neither number nor blank."""
    plain = series.cast(pl.Float64, strict=False)
    if plain.null_count() == series.null_count():
        return plain.fill_nan(None), 0
    text = series.str.strip_chars()
    blank = text.is_null() | text.str.to_lowercase().is_in(BLANKS)
    numbers = text.set(blank, None).cast(pl.Float64, strict=False)
    blanks = int(blank.sum())
    if numbers.null_count() > blanks:
        dressed = text.set(blank | ~text.str.contains(_DRESSED), None)
        bare = dressed.str.replace_all(rf"{_SIGN}|[,%\s]", "")
        numbers = numbers.fill_null(bare.cast(pl.Float64, strict=False))
    return numbers, numbers.null_count() - blanks
