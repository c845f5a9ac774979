"""What a challenger may not do although it is better on the whole: harm a slice, or be slow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.stats.arrays import BoolArray, FloatArray
from mlwright.stats.intervals import mean_interval

MOST_FEATURES = 8
_FEWEST_ROWS = 50
_MOST_LEVELS = 6
_QUARTERS = (0.25, 0.5, 0.75)
_ERROR = 0.05
_LEAST_HARM = 0.1  # of the champion's own loss there: less is not worth a refusal
_WORSE_CALIBRATION = 0.05
_SLOWER, _SLOWER_MS = 3.0, 5.0
_TIMED_ROWS = 40


def harmed_slices(
    table: pl.DataFrame, ours: FloatArray, theirs: FloatArray, features: Sequence[str]
) -> list[str]:
    """Name the slices of these features in which the loss rose beyond chance and enough.

    All slices share an error of 5% (Bonferroni); a number is cut at its quartiles.

    Args:
        table: the judging rows (n,).
        ours: the champion's loss of each row (n,).
        theirs: the challenger's (n,).
        features: whose slices.
    """
    slices = [found for name in features for found in _slices(table[name])]
    rise = theirs - ours
    harmed = []
    for name, rows in slices:
        seen = mean_interval(rise[rows], level=1 - _ERROR / len(slices))
        if seen.low > 0 and seen.value > _LEAST_HARM * float(ours[rows].mean()):
            harmed.append(f"it is worse where {name} (loss higher by {seen.value:.3g})")
    return harmed


def worse_calibration(ours: Mapping[str, float], theirs: Mapping[str, float]) -> list[str]:
    """Say so when the challenger's probabilities mean less than the champion's."""
    if theirs.get("ece", 0.0) - ours.get("ece", 0.0) <= _WORSE_CALIBRATION:
        return []
    return [f"its calibration error is {theirs['ece']:.3f} instead of {ours['ece']:.3f}"]


def slower(champion: Bundle, challenger: Bundle, table: pl.DataFrame) -> list[str]:
    """Say so when one row takes the challenger far longer, in processor time."""
    rows = table.select(champion.signature.names).head(_TIMED_ROWS).to_dicts()
    ours, theirs = (_milliseconds(bundle, rows) for bundle in (champion, challenger))
    if theirs <= _SLOWER * ours or theirs - ours <= _SLOWER_MS:
        return []
    return [f"one row takes it {theirs:.1f} ms instead of {ours:.1f}"]


def _milliseconds(bundle: Bundle, rows: Sequence[Mapping[str, object]]) -> float:
    model = bundle.model()
    model.predict_rows(rows[:1])
    taken = []
    for row in rows:
        began = time.process_time()
        model.predict_rows([row])
        taken.append(time.process_time() - began)
    return 1000 * float(np.median(taken))


def _slices(values: pl.Series) -> Iterator[tuple[str, BoolArray]]:
    for name, rows in _levels(values):
        marked = rows.fill_null(value=False).to_numpy()
        if _FEWEST_ROWS <= marked.sum() < len(marked):
            yield name, marked


def _levels(values: pl.Series) -> Iterator[tuple[str, pl.Series]]:
    if values.dtype.is_numeric():
        cuts = sorted({float(values.quantile(at) or 0.0) for at in _QUARTERS})
        for low, high in zip([None, *cuts], [*cuts, None], strict=True):
            above = values > low if low is not None else values.is_not_null()
            below = values <= high if high is not None else values.is_not_null()
            ends = [
                f"above {low:.4g}" if low is not None else "",
                f"up to {high:.4g}" if high is not None else "",
            ]
            yield f"{values.name} is {' and '.join(filter(None, ends))}", above & below
    else:
        common = values.drop_nulls().value_counts(sort=True).head(_MOST_LEVELS)[values.name]
        for level in common.to_list():
            yield f"{values.name} is {level}", values == level
    yield f"{values.name} is missing", values.is_null()
