"""What is wrong with the rows of a window, beside drift: counted, in words, never silent."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from mlwright.core import clock
from mlwright.core.signature import Column
from mlwright.profile.profile import CategoryProfile, NumberProfile, Profile

from .observe import Observed

Kind = Literal[
    "type_break",
    "out_of_range",
    "new_categories",
    "all_null",
    "never_sent",
    "not_in_reference",
    "not_logged",
    "changed_schema",
    "clock_skew",
    "stale",
    "volume",
]

_NOTABLE = 0.01
_SILENCE = 3600.0
_SILENCES = 10.0
_FEWEST_HOURS = 3
_Z = 4.0


@dataclass(frozen=True, slots=True)
class Quality:
    """One thing that is wrong: which kind, in which feature or None, in how many rows, in words."""

    kind: Kind
    feature: str | None
    rows: int
    share: float
    words: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "kind": self.kind,
            "feature": self.feature,
            "rows": self.rows,
            "share": self.share,
            "words": self.words,
        }


def of_columns(
    reference: Profile, observed: Observed, columns: Sequence[Column]
) -> Iterator[Quality]:
    """Look at each column: types, ranges, categories, values at all."""
    for column in columns:
        seen = observed.columns.get(column.name)
        before = reference.columns.get(column.name)
        if seen is None or before is None or not observed.rows:
            continue
        name, rows = column.name, observed.rows
        if seen.breaks:
            what = {"number": "no number", "boolean": "neither true nor false"}
            words = f"{name} is {what.get(column.kind, 'no text')} in {_rows(seen.breaks)}"
            yield _of("type_break", name, seen.breaks, rows, f"{words}, counted as missing")
        now = seen.profile
        if now.rows == 0 and before.rows:
            yield _of("all_null", name, rows, rows, f"{name} has no value in any row")
        elif isinstance(before, NumberProfile) and isinstance(now, NumberProfile):
            yield from _out_of_range(name, before, now, rows)
        elif isinstance(before, CategoryProfile) and isinstance(now, CategoryProfile):
            usual = before.other / max(before.rows, 1)
            if now.other / rows > max(_NOTABLE, 2 * usual):
                words = f"{name} has categories that the reference does not know in "
                yield _of("new_categories", name, now.other, rows, words + _rows(now.other))


def _out_of_range(
    name: str, before: NumberProfile, now: NumberProfile, rows: int
) -> Iterator[Quality]:
    if not before.rows or len(now.counts) < 2:
        return
    outside = now.counts[0] + now.counts[-1]
    if outside / rows > _NOTABLE:
        span = f"{before.minimum:.6g} to {before.maximum:.6g}"
        words = f"{name} lies outside the reference's {span} in {_rows(outside)}"
        yield _of("out_of_range", name, outside, rows, words)


def of_names(known: Sequence[str], sent: Sequence[str], rows: int) -> Iterator[Quality]:
    """Compare the columns that were sent with those that the reference has."""
    for name in known:
        if name not in sent:
            words = f"{name} was never sent; it counts as missing in every row"
            yield _of("never_sent", name, rows, rows, words)
    for name in sent:
        if name not in known:
            words = f"{name} is not in the reference and is not compared"
            yield _of("not_in_reference", name, rows, rows, words)


def of_log(names: Collection[str]) -> Iterator[Quality]:
    """Name the columns that the log does not keep as they are, so that nothing is known of them."""
    for name in names:
        words = f"{name} is left out of the log or hashed there, and is not compared"
        yield _of("not_logged", name, 0, 0, words)


def of_schema(times: pl.Series, nulls: Mapping[str, pl.Series]) -> Iterator[Quality]:
    """Find features that begin or stop being sent within the window.

    Args:
        times: of the rows, ascending.
        nulls: feature -> whether it is null, of features that are null in some rows.
    """
    height = len(times)
    for name, missing in nulls.items():
        present = height - int(missing.sum())
        if not 0.02 * height < present < 0.98 * height:
            continue
        turn = _turn(missing)
        if turn is not None:
            began = missing[0]
            word = "is sent only from" if began else "is no longer sent from"
            at = clock.iso(float(times[turn]))
            count = int(missing.sum())
            yield _of("changed_schema", name, count, height, f"{name} {word} {at} on")


def _turn(missing: pl.Series) -> int | None:
    """Return where a column changes once from absent to present or back, or None."""
    changes = (missing != missing.shift(1)).fill_null(False).arg_true()
    return int(changes[0]) if len(changes) == 1 else None


def of_time(times: pl.Series, *, until: float, now: float, ahead: int) -> Iterator[Quality]:
    """Look for clocks that go ahead, and for a log that has fallen silent."""
    if ahead:
        words = f"{_rows(ahead)} bear a time more than a minute ahead of this clock, left out"
        yield _of("clock_skew", None, ahead, len(times) + ahead, words)
    if len(times) < 2 or until < now - _SILENCE:
        return
    ordered = times.sort()
    longest = ordered.diff().max()
    silent = until - float(ordered[-1])
    if isinstance(longest, float) and silent > max(_SILENCE, _SILENCES * longest):
        words = f"no row since {clock.iso(float(ordered[-1]))}"
        yield _of("stale", None, 0, len(times), words)


def of_volume(rows: int, earlier: Sequence[int]) -> Iterator[Quality]:
    """Compare the rows of an hour with those of the same hour of other weeks.

    The spread is that of the earlier weeks (median absolute deviation), at least Poisson's.
    """
    if len(earlier) < _FEWEST_HOURS:
        return
    ordered = sorted(earlier)
    usual = ordered[len(ordered) // 2]
    deviation = sorted(abs(count - usual) for count in ordered)[len(ordered) // 2] * 1.4826
    spread = max(deviation, math.sqrt(max(usual, 1)))
    halved_or_doubled = rows < usual / 2 or rows > usual * 2
    if halved_or_doubled and abs(rows - usual) > _Z * spread:
        words = f"{_rows(rows)}, where the same hours of other weeks had {usual:,}"
        yield _of("volume", None, rows, max(usual, 1), words)


def _of(kind: Kind, feature: str | None, rows: int, of: int, words: str) -> Quality:
    return Quality(kind, feature, rows, rows / of if of else 0.0, words)


def _rows(count: int) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'}"
