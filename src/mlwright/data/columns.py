"""What each column of a table is, and what training does with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from mlwright.core.signature import Column
from mlwright.data.dates import as_dates
from mlwright.data.numbers import as_numbers, to_numbers

FindingKind = Literal[
    "id",
    "constant",
    "duplicate",
    "numeric_text",
    "date",
    "imbalance",
    "text",
    "nested",
    "no_text",
    "target_null",
    "leakage",
    "all_null",
    "high_cardinality",
    "infinite",
    "unavailable",
]

_WORDS: dict[str, str] = {
    "id": "is an identifier",
    "constant": "has one value only",
    "duplicate": "repeats what another holds",
    "numeric_text": "holds numbers written as text",
    "date": "holds dates",
    "imbalance": "is unbalanced",
    "text": "is free text",
    "nested": "holds lists or objects",
    "no_text": "is no text, which is all that a transformer reads",
    "target_null": "is missing in some rows",
    "leakage": "may know the answer",
    "all_null": "has no values",
    "high_cardinality": "has many different values",
    "infinite": "holds infinite values",
    "unavailable": "is only known afterwards",
}

_FEWEST_FOR_AN_ID = 20
_ID_NAME = re.compile(r"(^|[\W_])(id|uuid|guid|key|index|rowid)$", re.IGNORECASE)
_CAMEL_ID = re.compile(r"[a-z](ID|Id)$")
_SHARE_FOR_AN_ID = 0.95
_SHARE_FOR_TEXT = 0.5
_SHARE_FOR_NUMBERS = 0.9
_WORDS_OF_A_TEXT = 3
_CATEGORIES_ALWAYS_KEPT = 50
_MANY_CATEGORIES = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed about a table: in which column, how strong, and what was done.

    The score's meaning is the kind's: for ids the share of different values, for numeric text
    the share of blanks, or of other text, for infinite values the share of rows, for high
    cardinality the number of different values, for imbalance the rarest class's share, for leakage
    AUC, R² or the share of errors removed.
    """

    kind: FindingKind
    column: str | None
    score: float
    action: str

    def notice(self) -> str:
        """Say it in one line, for the person who trains.

        >>> Finding("id", "customerID", 1.0, "left out").notice()
        'customerID is an identifier: left out'
        """
        if self.column is None:
            return f"the table has repeated rows: {self.action}"
        return f"{self.column} {_WORDS[self.kind]}: {self.action}"

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object."""
        return {
            "kind": self.kind,
            "column": self.column,
            "score": self.score,
            "action": self.action,
        }


@dataclass(frozen=True, slots=True)
class Judged:
    """A column as an input, or None when it is left out, with what was noticed."""

    column: Column | None
    finding: Finding | None = None


def judge(series: pl.Series) -> Judged:
    """Say what one column is, and whether it can be an input."""
    nullable = series.null_count() > 0
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        return _out("nested", series, 1.0)
    if _without_values(series):
        return _out("all_null", series, 1.0)
    if series.n_unique() <= 1:
        return _out("constant", series, 1.0)
    if series.dtype == pl.Boolean:
        return Judged(Column(series.name, "boolean", nullable))
    if series.dtype.is_temporal():
        return _out("date", series, 1.0)
    if series.dtype.is_numeric():
        return _number(series, nullable or _has_nan(series))
    return _text(series.cast(pl.String), nullable)


def _number(series: pl.Series, nullable: bool) -> Judged:
    if series.dtype.is_integer() and _counts_rows(series):
        return _out("id", series, 1.0)
    return Judged(Column(series.name, "number", nullable))


def _text(series: pl.Series, nullable: bool) -> Judged:
    values = series.drop_nulls()
    different = values.unique()  # what holds of each of these holds of the column
    if as_numbers(different) is not None:
        return _numeric_text(series, to_numbers(series)[0])
    if as_dates(different) is not None:
        return _out("date", series, 1.0)
    share = len(different) / len(values)
    if len(values) >= _FEWEST_FOR_AN_ID and share >= _SHARE_FOR_AN_ID:
        one_word = not values.str.contains(r"\s").any()
        judged = _out("id", series, share) if one_word else _words(series, share, nullable)
        return _nearly_numbers(values) or judged
    if len(different) > _CATEGORIES_ALWAYS_KEPT and share > _SHARE_FOR_TEXT:
        return _nearly_numbers(values) or _words(series, share, nullable)
    return Judged(Column(series.name, "category", nullable), _many(series.name, len(different)))


def _nearly_numbers(values: pl.Series) -> Judged | None:
    """Leave out numbers among which a few values are none, and say that this is why."""
    wrong = to_numbers(values)[1]
    if wrong > (1 - _SHARE_FOR_NUMBERS) * len(values):
        return None
    rows = "1 row holds other text: mend it, or leave it blank"
    if wrong > 1:
        rows = f"{wrong:,} rows hold other text: mend them, or leave them blank"
    action = f"left out, {rows} to count as missing"
    return Judged(None, Finding("numeric_text", values.name, wrong / len(values), action))


def _words(series: pl.Series, share: float, nullable: bool) -> Judged:
    """Keep sentences, and leave out what repeats too seldom to be a category and has no words."""
    words = series.drop_nulls().str.count_matches(r"\w+")
    if (words >= _WORDS_OF_A_TEXT).mean() < _SHARE_FOR_TEXT:  # type: ignore[operator]
        return _out("high_cardinality", series, float(series.drop_nulls().n_unique()))
    finding = Finding("text", series.name, share, "kept, read as words")
    return Judged(Column(series.name, "text", nullable), finding)


def _many(name: str, different: int) -> Finding | None:
    if different <= _MANY_CATEGORIES:
        return None
    action = f"kept, {different:,} categories"
    return Finding("high_cardinality", name, float(different), action)


def _numeric_text(series: pl.Series, numbers: pl.Series) -> Judged:
    blanks = numbers.null_count()
    action = "converted to numbers"
    if blanks:
        action += f", {blanks:,} {'blank' if blanks == 1 else 'blanks'} read as missing"
    finding = Finding("numeric_text", series.name, blanks / len(series), action)
    return Judged(Column(series.name, "number", blanks > 0), finding)


def _counts_rows(series: pl.Series) -> bool:
    """Tell whether whole numbers are all different and are dense or named as an id."""
    if len(series) < _FEWEST_FOR_AN_ID or series.null_count() or series.n_unique() < len(series):
        return False
    lowest, highest = int(series.min()), int(series.max())  # type: ignore[arg-type]
    return highest - lowest + 1 == len(series) or _named_id(series.name)


def _named_id(name: str) -> bool:
    return bool(_ID_NAME.search(name) or _CAMEL_ID.search(name))


def _without_values(series: pl.Series) -> bool:
    if series.null_count() == len(series):
        return True
    return series.dtype.is_float() and bool(series.drop_nulls().is_nan().all())


def _has_nan(series: pl.Series) -> bool:
    return series.dtype.is_float() and bool(series.is_nan().any())


def _out(kind: FindingKind, series: pl.Series, score: float) -> Judged:
    return Judged(None, Finding(kind, series.name, score, "left out"))
