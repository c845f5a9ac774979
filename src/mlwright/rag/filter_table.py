"""The fields of many chunks as columns, so that a filter is a few passes over arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .conditions import COMPARISONS, All, AnyOf, Compare, Condition, In, Lacks, Not, kind
from .records import Value

Mask = NDArray[np.bool_]


class FilterTable:
    """Values by field and type: texts as codes, numbers and booleans as numbers.

    >>> from mlwright.rag.filters import parse
    >>> table = FilterTable.of([{"year": 2019}, {"year": 2021}, {}])
    >>> table.mask(parse("year > 2020")).tolist()
    [False, True, False]
    """

    def __init__(self, rows: int, columns: Mapping[str, NDArray[Any]]) -> None:
        self.rows = rows
        self.columns = dict(columns)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Value]]) -> FilterTable:
        """Read the fields of the chunks, in their order."""
        values = list(rows)
        names = sorted({(kind(v), name) for row in values for name, v in row.items()})
        columns: dict[str, NDArray[Any]] = {}
        for type_, name in names:
            chosen = [
                value if (value := row.get(name)) is not None and kind(value) == type_ else None
                for row in values
            ]
            columns |= _text_column(name, chosen) if type_ == "s" else _number(type_, name, chosen)
        return cls(len(values), columns)

    def mask(self, condition: Condition) -> Mask:
        """Return which rows satisfy the condition."""
        match condition:
            case All(parts):
                return _joined(np.logical_and, [self.mask(part) for part in parts])
            case AnyOf(parts):
                return _joined(np.logical_or, [self.mask(part) for part in parts])
            case Not(part):
                return ~self.mask(part)
            case In(field, values):
                return _joined(np.logical_or, [self._compare(field, "=", v) for v in values])
            case Compare(field, sign, value):
                return self._compare(field, sign, value)
            case Lacks(field, type_):
                column = self.columns.get(f"{type_}:{field}")
                if column is None:
                    return np.ones(self.rows, dtype=bool)
                return np.asarray(column < 0 if type_ == "s" else np.isnan(column))

    def _compare(self, field: str, sign: str, value: Value) -> Mask:
        type_ = kind(value)
        column = self.columns.get(f"{type_}:{field}")
        if column is None:
            return np.zeros(self.rows, dtype=bool)
        compare = COMPARISONS[sign]
        if type_ != "s":
            return np.asarray(compare(column, float(value)) & ~np.isnan(column))
        words = self.columns[f"words:{field}"]
        holds = np.array([compare(str(word), value) for word in words] + [False])
        return np.asarray(holds[column])  # a missing text has the code -1: the last


def _joined(how: np.ufunc, masks: Sequence[Mask]) -> Mask:
    return np.asarray(how.reduce(masks))


def _number(type_: str, name: str, values: Sequence[Value | None]) -> dict[str, NDArray[Any]]:
    return {f"{type_}:{name}": np.array([np.nan if v is None else float(v) for v in values])}


def _text_column(name: str, values: Sequence[Value | None]) -> dict[str, NDArray[Any]]:
    words = sorted({str(v) for v in values if v is not None})
    code: dict[Any, int] = {word: place for place, word in enumerate(words)} | {None: -1}
    return {
        f"s:{name}": np.array([code[v] for v in values], dtype=np.int32),
        f"words:{name}": np.array(words, dtype=object),
    }
