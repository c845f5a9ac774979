"""Whether the loss has risen since the model was trained, judged look after look without end.

Each look sees the labels told since the last one, so that a label counts once, however late it
came. The evidence is that of `stats.change.cumulated`: looking often costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlwright.core import clock
from mlwright.stats.arrays import FloatArray
from mlwright.stats.change import BETS, cumulated, higher_mean
from mlwright.stats.intervals import Interval, mean_interval

from .truth import Known

LEAST_RISE = 0.02
_WIDER = 1.31  # from a 95% interval to one of 99%: the baseline is a sample too
_ABOVE_LINE = 2.0  # powers of e that evidence may stand above the line: it is to end soon after


@dataclass(frozen=True, slots=True)
class Loss:
    """What the looks so far say of a version's loss, against the most that training promised.

    `current` is the mean of the last look that had labels; `since` is when the evidence began to
    grow. `evidence` are log e-values, one a bet.
    """

    version: int
    metric: str
    limit: float
    current: Interval | None
    since: float | None
    risen: bool
    evidence: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the loss as a JSON object."""
        return {
            "version": self.version,
            "metric": self.metric,
            "limit": self.limit,
            "current": self.current.to_json() if self.current else None,
            "since": clock.iso(self.since) if self.since is not None else None,
            "risen": self.risen,
        }

    def kept(self) -> dict[str, Any]:
        """Return what the next look needs to know."""
        return {
            "version": self.version,
            "evidence": list(self.evidence),
            "since": self.since,
            "current": self.current.to_json() if self.current else None,
        }


def look(
    known: Known,
    baseline: Mapping[str, Mapping[str, float]],
    before: Mapping[str, Any],
    *,
    version: int,
    at: float,
    line: float,
) -> Loss | None:
    """Look at labels that no look has seen, or return None where training left no baseline.

    Args:
        known: the labelled rows.
        baseline: metric -> value, low, high, n of the bundle's holdout.
        before: what the last look kept; of another version, it is forgotten.
        version: the version that answered.
        at: when these rows began, seconds since 1970.
        line: the mean number of looks until a false alarm is at least this.
    """
    metric = _metric(known, baseline)
    if metric is None:
        return None
    allowed = _allowed(baseline[metric], metric)
    same = before.get("version") == version
    loss = Loss(
        version,
        metric,
        allowed,
        Interval(**before["current"]) if same and before.get("current") else None,
        before.get("since") if same else None,
        False,
        tuple(before["evidence"]) if same else (-math.inf,) * len(BETS),
    )
    seen, most = _losses(known, metric, allowed)
    most = max(most, allowed)
    evidence = cumulated(loss.evidence, higher_mean(np.minimum(seen, most) / most, allowed / most))
    evidence = np.minimum(evidence, math.log(line) + _ABOVE_LINE)
    total = _mean(evidence)
    began = loss.since if loss.since is not None else at
    return replace(
        loss,
        current=mean_interval(seen) if len(seen) > 1 else loss.current,
        since=began if total > math.log(2) else None,
        risen=total >= math.log(line),
        evidence=tuple(evidence.tolist()),
    )


def _mean(evidence: Sequence[float] | FloatArray) -> float:
    return float(np.logaddexp.reduce(np.asarray(evidence))) - math.log(len(BETS))


def _metric(known: Known, baseline: Mapping[str, Mapping[str, float]]) -> str | None:
    wanted = "mae" if known.signature.task == "regression" else "log_loss"
    return wanted if wanted in baseline and baseline[wanted]["value"] > 0 else None


def _allowed(before: Mapping[str, float], metric: str) -> float:
    """Return the loss that training may have promised at worst, and the least rise on top."""
    least = LEAST_RISE * (before["value"] if metric == "mae" else 1.0)
    return before["value"] + max(_WIDER * (before["high"] - before["value"]), least)


def _losses(known: Known, metric: str, allowed: float) -> tuple[FloatArray, float]:
    """Return each row's loss, and what it is cut at: a smaller mean only makes us slower."""
    if not len(known):
        return np.empty(0), allowed
    if metric == "mae":
        return np.abs(known.truth - known.predicted), 5 * allowed
    return known.losses, 3 + math.log(max(len(known.signature.classes), 2) / 2)
