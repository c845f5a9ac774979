"""All that a strategy may know of a rollout: counts, tests and what is missing, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

from mlwright.stats.design import Difference
from mlwright.stats.intervals import Interval

from .guards import ALPHA, Guard

_HIGHEST: Final = 300  # log10 of an e-value as it is shown
_TUNED_AT: Final = 5_000  # units at which the interval that is shown is narrowest
_CHANGES: Final = {"predictions": "predictions of the usual kind"}


@dataclass(frozen=True, slots=True)
class Arm:
    """Counts of one side of a comparison, by request and by unit; `bad` may be sums of losses."""

    requests: int = 0
    bad_requests: float = 0
    units: int = 0
    bad_units: float = 0

    def to_json(self) -> dict[str, float]:
        """Return the counts as a JSON object."""
        return {
            "requests": self.requests,
            "bad_requests": _whole(self.bad_requests),
            "units": self.units,
            "bad_units": _whole(self.bad_units),
        }


@dataclass(frozen=True, slots=True)
class GuardEvidence:
    """Where one guard stands.

    `way` is how far the proof of non-inferiority has come, from 0 to 1, on the log scale;
    `difference` is how much worse the candidate is, by unit. Where losses are shares of a `bound`,
    that is what they are shares of.
    """

    guard: Guard
    champion: Arm
    candidate: Arm
    log_e_worse: float
    log_e_not_inferior: float
    worse: bool
    way: float
    threshold_worse: float
    threshold_not_inferior: float
    history: tuple[tuple[float, ...], ...] = ()
    difference: Difference | None = None
    bound: float | None = None

    @property
    def name(self) -> str:
        """The guard as it was written."""
        return f"{self.guard.name}={self.guard.text}"

    @property
    def verdict(self) -> str:
        """The evidence in one clause."""
        if self.worse and self.bound is not None:
            champion, candidate = self._mean(self.champion), self._mean(self.candidate)
            return (
                f"{self.name}: off by {candidate:.4g} on average on the candidate, by "
                f"{champion:.4g} on the champion"
            )
        if self.worse:
            what = _CHANGES.get(self.guard.kind, "bad")
            return (
                f"{self.name}: {_of(self.candidate)} {what} on the candidate, "
                f"{_of(self.champion)} on the champion"
            )
        return f"{self.name}: " + ("no worse" if self.way >= 1 else "not enough data")

    def to_json(self) -> dict[str, Any]:
        """Return the evidence, with a history of points fit for a plot."""
        shown = self.difference and self.difference.sequence(
            alpha=1 / self.threshold_not_inferior, tuned_at=_TUNED_AT
        )
        return {
            "guard": self.guard.name,
            "limit": self.guard.text,
            "margin": self.guard.margin,
            "champion": self._arm(self.champion),
            "candidate": self._arm(self.candidate),
            "difference": _times(shown, self.bound or 1.0).to_json() if shown else None,
            "e_value": e_value(self.log_e_worse),
            "threshold": self.threshold_worse,
            "promotion_e_value": e_value(self.log_e_not_inferior),
            "promotion_threshold": self.threshold_not_inferior,
            "worse": self.worse,
            "verdict": self.verdict,
            "history": [
                dict(zip(("units", "time", "log10_e", "log10_promotion_e"), point, strict=True))
                for point in self.history
            ],
        }

    def _arm(self, arm: Arm) -> dict[str, float]:
        mean = {} if self.bound is None else {"mean": self._mean(arm)}
        return {**arm.to_json(), **mean}

    def _mean(self, arm: Arm) -> float:
        grown = self.guard.growth if arm is self.candidate else 1.0
        return (self.bound or 1.0) * grown * arm.bad_requests / max(1, arm.requests)


def _times(found: Interval, factor: float) -> Interval:
    return Interval(found.value * factor, found.low * factor, found.high * factor, found.n)


@dataclass(frozen=True, slots=True)
class Split:
    """Whether the candidate got the share of the units that it was meant to get."""

    units: int = 0
    candidate: int = 0
    expected: float = 0.0
    e_value: float = 1.0
    threshold: float = math.inf
    mismatch: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the check as a JSON object."""
        return {
            "units": self.units,
            "candidate": self.candidate,
            "expected": round(self.expected, 1),
            "e_value": self.e_value,
            "threshold": self.threshold if math.isfinite(self.threshold) else None,
            "mismatch": self.mismatch,
        }


@dataclass(frozen=True, slots=True)
class Needs:
    """What is missing for a promotion; None where it is not known, or where it gets no nearer.

    `never` names the guard that at the present rates is never satisfied.
    """

    requests: int | None = None
    seconds: int | None = None
    never: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what is missing as a JSON object."""
        return {"requests": self.requests, "seconds": self.seconds, "never": self.never or None}

    @property
    def text(self) -> str:
        """What is missing, in a clause.

        >>> Needs(1200, 90).text, Needs(None, None, "p95=1s").text
        ('about 1,200 requests more, 2 min at the present rate', 'p95=1s gets no nearer')
        """
        if self.never:
            return f"{self.never} gets no nearer"
        if not self.requests:
            return ""
        more = f"about {float(f'{self.requests:.2g}'):,.0f} requests more"
        return more + (f", {_time(self.seconds)} at the present rate" if self.seconds else "")


@dataclass(frozen=True, slots=True)
class Observations:
    """All that a strategy may know of a rollout; `at_step` are seconds since the step began."""

    guards: tuple[GuardEvidence, ...] = ()
    alpha: float = ALPHA
    split: Split = field(default_factory=Split)
    needs: Needs = field(default_factory=Needs)
    at_step: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the evidence of every guard."""
        return {
            "alpha": self.alpha,
            "guards": [guard.to_json() for guard in self.guards],
            "split": self.split.to_json(),
            "needs": self.needs.to_json(),
        }


def e_value(log_e: float) -> float:
    """Return an e-value that JSON can hold."""
    return float(10 ** min(log_e / math.log(10), _HIGHEST))


def _whole(count: float) -> float:
    return int(count) if count == int(count) else round(count, 3)


def _of(arm: Arm) -> str:
    share = arm.bad_requests / arm.requests if arm.requests else 0.0
    return f"{_whole(arm.bad_requests):,} of {arm.requests:,} ({share:.1%})"


def _time(seconds: int) -> str:
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{math.ceil(seconds / size)} {unit}"
    return f"{seconds} s"
