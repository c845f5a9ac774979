"""What expressions can do to columns. Every operation gives the same bits for one row and many:
it is exact in IEEE arithmetic, or runs value by value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?\s?(?:Z|UTC|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)
_TURNED = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})((?:[T ].*)?)", re.ASCII)
_LONGEST_DATE = 40
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Function:
    """An operation: the types that it takes, and what it does to arrays of them."""

    takes: tuple[Literal["number", "text"], ...]
    run: Callable[..., Array]


def date_of(text: str | None) -> datetime | None:
    """Return the date and wall-clock time of ISO text, or None when it holds none.

    >>> date_of("2011-03-01 17:00").hour
    17
    """
    moment = _moment(text)
    return moment and moment[0]


Order = Literal["dmy", "mdy"]
"""How dates are written that do not begin with the year: 31.1.2011, or 1/31/2011."""


def iso_dates(values: Array, order: Order) -> Array:
    """Return dates written in this order as ISO text; what is none is null.

    >>> iso_dates(np.array(["1/31/2011", "soon"], object), "mdy").tolist()
    ['2011-01-31', None]
    """
    out = np.empty(len(values), object)
    out[:] = [_iso(text, order) for text in values.tolist()]
    return out


def _iso(text: str | None, order: Order) -> str | None:
    found = None if text is None or len(text) > _LONGEST_DATE else _TURNED.fullmatch(text.strip())
    if found is None:
        return None
    first, _, second, year, time = found.groups()
    day, month = (first, second) if order == "dmy" else (second, first)
    return f"{year}-{month:0>2}-{day:0>2}{time}"


def _moment(text: str | None) -> tuple[datetime, datetime] | None:
    """Return the wall-clock time, and the same moment in UTC."""
    # Long texts of strangers are not to be kept in the cache.
    return None if text is None or len(text) > _LONGEST_DATE else _read(text)


@lru_cache(maxsize=20_000)
def _read(text: str) -> tuple[datetime, datetime] | None:
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    try:
        local = datetime(*(int(part or 0) for part in found.groups()[:6]))  # type: ignore[arg-type]
        sign, hours, minutes = found.groups()[6:]
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return local, local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):
        return None


def finite(values: Array) -> Array:
    """Return the values with one and the same NaN for all that are not finite."""
    return np.where(np.isfinite(values), values, np.nan)


def _number_comparison(compare: Callable[[Array, Array], Array]) -> Function:
    def run(left: Array, right: Array) -> Array:
        found = compare(left, right).astype(np.float64)
        return np.where(np.isnan(left) | np.isnan(right), np.nan, found)

    return Function(("number", "number"), run)


def _text_comparison(wanted: Callable[[str, str], bool]) -> Function:
    def run(left: Array, right: Array) -> Array:
        return np.array(
            [
                math.nan if a is None or b is None else float(wanted(a, b))
                for a, b in zip(left.tolist(), right.tolist(), strict=True)
            ]
        )

    return Function(("text", "text"), run)


def _arithmetic(compute: Callable[[Array, Array], Array]) -> Function:
    return Function(("number", "number"), lambda left, right: finite(compute(left, right)))


def _extreme(first_wins: Callable[[Array, Array], Array]) -> Function:
    def run(left: Array, right: Array) -> Array:
        # Not np.minimum: which of 0.0 and -0.0 it gives may depend on the row's place.
        chosen = np.where(first_wins(left, right), left, right)
        return np.where(np.isnan(left) | np.isnan(right), np.nan, chosen)

    return Function(("number", "number"), run)


def _log1p(values: Array) -> Array:
    # Not np.log1p: its last bit may depend on the machine.
    return np.array([math.log1p(v) if v > -1 else math.nan for v in values.tolist()])


def _date_part(part: Callable[[datetime], int]) -> Function:
    def run(values: Array) -> Array:
        dates = map(date_of, values.tolist())
        return np.array([math.nan if date is None else float(part(date)) for date in dates])

    return Function(("text",), run)


def _days_between(start: Array, end: Array) -> Array:
    return np.array([_days(a, b) for a, b in zip(start.tolist(), end.tolist(), strict=True)])


def _days(start: str | None, end: str | None) -> float:
    first, last = _moment(start), _moment(end)
    return math.nan if first is None or last is None else (last[1] - first[1]) / _DAY


def _length(values: Array) -> Array:
    return np.array([math.nan if text is None else float(len(text)) for text in values.tolist()])


def _null_numbers(values: Array) -> Array:
    return np.isnan(values).astype(np.float64)


def _null_texts(values: Array) -> Array:
    return np.array([float(text is None) for text in values.tolist()])


OPERATORS: dict[str, Function] = {
    "+": _arithmetic(np.add),
    "-": _arithmetic(np.subtract),
    "*": _arithmetic(np.multiply),
    "/": _arithmetic(np.divide),
    "<": _number_comparison(np.less),
    "<=": _number_comparison(np.less_equal),
    ">": _number_comparison(np.greater),
    ">=": _number_comparison(np.greater_equal),
    "==": _number_comparison(np.equal),
    "!=": _number_comparison(np.not_equal),
    "negative": Function(("number",), np.negative),
}

COMPARISONS: dict[str, Function] = {
    "==": _text_comparison(lambda a, b: a == b),
    "!=": _text_comparison(lambda a, b: a != b),
}
"""Of texts."""

FUNCTIONS: dict[str, tuple[Function, ...]] = {
    "abs": (Function(("number",), np.abs),),
    "day": (_date_part(lambda date: date.day),),
    "days_between": (Function(("text", "text"), _days_between),),
    "hour": (_date_part(lambda date: date.hour),),
    "is_null": (Function(("number",), _null_numbers), Function(("text",), _null_texts)),
    "length": (Function(("text",), _length),),
    "log1p": (Function(("number",), _log1p),),
    "max": (_extreme(np.greater_equal),),
    "min": (_extreme(np.less_equal),),
    "month": (_date_part(lambda date: date.month),),
    "weekday": (_date_part(datetime.weekday),),
    "year": (_date_part(lambda date: date.year),),
}
"""Name -> what it does, one entry for each combination of types. Weekdays run from 0, Monday."""

DATES = frozenset({"day", "days_between", "hour", "month", "weekday", "year"})
"""The functions that read texts as ISO dates."""
