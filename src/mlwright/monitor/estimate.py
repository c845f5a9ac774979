"""Performance before labels come: what the model's own probabilities promise, and what doubts them.

It holds while the relation between inputs and outcome is as it was in training. Labels alone can
tell that; where those that came contradict the estimate, or rows lie beyond what the model has
seen, it is called unreliable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.profile.profile import ColumnProfile, NumberProfile
from mlwright.stats.arrays import FloatArray
from mlwright.stats.expected import expected_metrics
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import measure

from .performance import FEWEST_LABELS, LEAST_DIFFERENCE, LEVEL
from .quality import Quality
from .rows import scores
from .truth import Known, codes

CONDITION = (
    "no concept drift: the estimate holds while the outcome depends on the inputs as it did in "
    "training, which labels alone can tell"
)
MOST_MISCALIBRATED = 0.05
MOST_BEYOND = 0.05
_MOST_CELLS = 10_000
_MOST_LABELS = 2000
_HELD = ("accuracy", "auc", "log_loss")  # against labels
_BEYOND = ("out_of_range", "new_categories", "type_break", "all_null", "never_sent")


@dataclass(frozen=True, slots=True)
class Estimate:
    """Metrics as labels would show them if the probabilities are right, and the doubts in words."""

    metrics: Mapping[str, Interval]
    doubts: tuple[str, ...] = ()

    @property
    def reliable(self) -> bool:
        """Return whether nothing that is known contradicts the estimate."""
        return not self.doubts

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as a JSON object; `condition` says when it holds."""
        return {
            "metrics": {name: value.to_json() for name, value in self.metrics.items()},
            "reliable": self.reliable,
            "doubts": list(self.doubts),
            "condition": CONDITION,
        }


def of_rows(table: pl.DataFrame, bundle: Bundle, *, fewest: int) -> dict[str, Interval]:
    """Return the metrics to expect of rows of the log; of many, an even sample.

    Empty of a regression, and of fewer rows than `fewest`.
    """
    signature = bundle.signature
    if signature.task == "regression":
        return {}
    said, given = codes(table["prediction"], signature), scores(table, signature)
    known = np.isfinite(given) if given.ndim == 1 else np.isfinite(given).all(axis=1)
    usable = np.flatnonzero(np.isfinite(said) & known)
    if len(usable) < fewest:
        return {}
    most = max(_MOST_CELLS // len(signature.classes), fewest)
    chosen = usable[np.linspace(0, len(usable) - 1, min(most, len(usable))).astype(np.intp)]
    some = given[chosen]
    return expected_metrics(
        signature.task, said[chosen], some, chances=_meant(bundle, some), level=LEVEL
    )


def of_profile(score: ColumnProfile | None, bundle: Bundle, *, fewest: int) -> dict[str, Interval]:
    """Return the metrics to expect of counted scores: of two classes, for others there are none."""
    if bundle.signature.task != "binary" or not isinstance(score, NumberProfile):
        return {}
    if score.rows < fewest:
        return {}
    middle = _middles(score)
    some = np.asarray(score.counts) > 0
    threshold = 0.5 if bundle.threshold is None else bundle.threshold
    said = (middle >= threshold).astype(np.float64)
    counts, given = np.asarray(score.counts)[some], middle[some]
    return expected_metrics(
        "binary", said[some], given, chances=_meant(bundle, given), counts=counts, level=LEVEL
    )


def _meant(bundle: Bundle, given: FloatArray) -> FloatArray:
    """Return the probabilities that scores (n,) or (n, classes) turned out to mean in training."""
    return given if bundle.meaning is None else bundle.meaning.apply(given)


def _middles(score: NumberProfile) -> FloatArray:
    """Return the middle of each bin of probabilities."""
    lowest = 0.0 if score.minimum is None else min(score.minimum, *score.edges[:1])
    highest = 1.0 if score.maximum is None else max(score.maximum, *score.edges[-1:])
    ends = np.clip([lowest, *score.edges, highest], 0.0, 1.0)
    return np.asarray((ends[1:] + ends[:-1]) / 2)


def estimate(
    expected: Mapping[str, Interval],
    bundle: Bundle,
    *,
    told: Known,
    quality: Collection[Quality],
) -> Estimate | None:
    """Say what to expect, with all that is known against it; None where nothing is expected.

    Args:
        expected: metrics of the window's rows.
        bundle: of the model that answered them.
        told: labelled rows, of this window or shortly before.
        quality: what is wrong with the window's columns.
    """
    if not expected:
        return None
    doubts = (*_uncalibrated(bundle), *_contradicted(bundle, told), *_beyond(bundle, quality))
    return Estimate(expected, doubts)


def _uncalibrated(bundle: Bundle) -> Iterator[str]:
    part = "holdout" if bundle.meaning is None else "meaning"
    measured = bundle.metrics.get(part, {}).get("ece")
    if measured is None:
        yield "whether its probabilities are right was not measured in training"
    # Of ten bins and right probabilities, chance alone makes about 1/sqrt(n) of it.
    elif measured["value"] - 1 / max(measured["n"], 1) ** 0.5 > MOST_MISCALIBRATED:
        yield f"its probabilities were off by {measured['value']:.2f} on average in training (ECE)"


def _contradicted(bundle: Bundle, told: Known) -> Iterator[str]:
    told = told.newest(_MOST_LABELS)
    given, task = told.scores, told.signature.task
    if len(told) < FEWEST_LABELS or given is None:
        return
    # All three together are contradicted by chance in 1% of checks at most.
    level = 1 - (1 - LEVEL) / len(_HELD)
    chances = _meant(bundle, given)
    expected = expected_metrics(
        task, told.predicted, given, chances=chances, level=level, repeats=500
    )
    found = measure(task, told.truth, told.predicted, given)
    for name in _HELD:
        if name not in found or name not in expected:
            continue
        value, at = found[name], expected[name]
        gap = abs(value - at.value)
        if not at.low <= value <= at.high and gap > LEAST_DIFFERENCE:
            yield (
                f"{len(told):,} labelled rows contradict it: {name.replace('_', ' ')} "
                f"{value:.3f}, where {at.low:.3f} to {at.high:.3f} was expected of them"
            )


def _beyond(bundle: Bundle, quality: Collection[Quality]) -> Iterator[str]:
    """Name features that the model uses and whose values it has never seen the like of."""
    importance = bundle.importance
    for one in quality:
        used = not importance or importance.get(one.feature or "", 0.0) > 0
        if one.kind in _BEYOND and one.share > MOST_BEYOND and used:
            yield f"beyond what the model has seen: {one.words}"
