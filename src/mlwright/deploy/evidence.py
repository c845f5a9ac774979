"""What the outcomes of a rollout say, guard by guard, kept up as they arrive."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlwright.predictions.lines import Outcome
from mlwright.stats.eprocess import NonInferiority, RateEProcess

from .guards import ALPHA, Guard

_CHUNK: Final = 100  # units between two points of the history, until it is thinned
_MOST_POINTS: Final = 200
_HIGHEST: Final = 300  # log10 of an e-value as it is shown


@dataclass(frozen=True, slots=True)
class Arm:
    """Counts of one side of a comparison, by request and by unit."""

    requests: int = 0
    bad_requests: int = 0
    units: int = 0
    bad_units: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the counts as a JSON object."""
        return {
            "requests": self.requests,
            "bad_requests": self.bad_requests,
            "units": self.units,
            "bad_units": self.bad_units,
        }


@dataclass(frozen=True, slots=True)
class GuardEvidence:
    """Where one guard stands.

    `way` is how far the proof of non-inferiority has come, from 0 to 1, on the log scale.
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

    @property
    def verdict(self) -> str:
        """The evidence in one clause."""
        name = f"{self.guard.name}={self.guard.text}"
        if self.worse:
            return (
                f"{name}: {_of(self.candidate)} bad on the candidate, "
                f"{_of(self.champion)} on the champion"
            )
        return f"{name}: " + ("no worse" if self.way >= 1 else "not enough data")

    def to_json(self) -> dict[str, Any]:
        """Return the evidence, with a history of points fit for a plot."""
        return {
            "guard": self.guard.name,
            "limit": self.guard.text,
            "margin": self.guard.margin,
            "champion": self.champion.to_json(),
            "candidate": self.candidate.to_json(),
            "e_value": _e_value(self.log_e_worse),
            "threshold": self.threshold_worse,
            "promotion_e_value": _e_value(self.log_e_not_inferior),
            "promotion_threshold": self.threshold_not_inferior,
            "worse": self.worse,
            "verdict": self.verdict,
            "history": [
                dict(zip(("units", "time", "log10_e", "log10_promotion_e"), point, strict=True))
                for point in self.history
            ],
        }


@dataclass(frozen=True, slots=True)
class Observations:
    """All that a strategy may know of a rollout."""

    guards: tuple[GuardEvidence, ...] = ()
    alpha: float = ALPHA

    def to_json(self) -> dict[str, Any]:
        """Return the evidence of every guard."""
        return {"alpha": self.alpha, "guards": [guard.to_json() for guard in self.guards]}


class Evidence:
    """The evidence of one rollout: give it outcomes in the order in which they were written."""

    def __init__(self, guards: Sequence[Guard], *, alpha: float = ALPHA) -> None:
        self._alpha = alpha
        self._counters = [_Counter(guard, alpha, len(guards)) for guard in guards]

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take in more outcomes; those of a share of 0 or 1 compare nothing and are left out."""
        compared = [outcome for outcome in outcomes if 0 < outcome.weight < 1]
        for start in range(0, len(compared), _CHUNK):
            for counter in self._counters:
                counter.add(compared[start : start + _CHUNK])

    def observations(self) -> Observations:
        """Return where every guard stands."""
        return Observations(tuple(c.evidence() for c in self._counters), self._alpha)


class _Counter:
    """One guard's counts and tests; keys are kept, as only their first outcome is a unit."""

    def __init__(self, guard: Guard, alpha: float, guards: int) -> None:
        self.guard = guard
        self.alpha_worse = alpha / guards
        self.alpha_promote = alpha
        self.worse = RateEProcess()
        self.not_inferior = NonInferiority(margin=guard.margin)
        self.seen: set[str] = set()
        self.failed: set[str] = set()
        self.arms = [[0, 0, 0, 0], [0, 0, 0, 0]]
        self.history: list[tuple[float, ...]] = []
        self.every = 1
        self.chunks = 0

    def add(self, outcomes: Sequence[Outcome]) -> None:
        units = [outcome for outcome in outcomes if _first(self.seen, outcome.key)]
        bad = [self.guard.bad(unit) for unit in units]
        if units:
            arms, weights = [u.candidate for u in units], [u.weight for u in units]
            self.not_inferior = self.not_inferior.update_many(arms, bad, weights)
        self._count(units, bad, first=2)
        self._count(outcomes, [self.guard.bad(outcome) for outcome in outcomes], first=0)
        for outcome in outcomes:
            if self.guard.bad(outcome) and _first(self.failed, outcome.key):
                self.worse = self.worse.update(outcome.candidate, outcome.weight)
        self._remember(outcomes[-1].time)

    def _count(self, outcomes: Sequence[Outcome], bad: Sequence[bool], *, first: int) -> None:
        for outcome, is_bad in zip(outcomes, bad, strict=True):
            arm = self.arms[outcome.candidate]
            arm[first] += 1
            arm[first + 1] += is_bad

    def _remember(self, time: float) -> None:
        self.chunks += 1
        if self.chunks % self.every:
            return
        logs = (self.worse.log_e, self.not_inferior.log_e)
        points = (min(log / math.log(10), _HIGHEST) for log in logs)
        self.history.append((float(self.not_inferior.units), time, *points))
        if len(self.history) > _MOST_POINTS:
            self.history = self.history[1::2]
            self.every *= 2

    def evidence(self) -> GuardEvidence:
        champion, candidate = (Arm(*counts) for counts in self.arms)
        return GuardEvidence(
            self.guard,
            champion,
            candidate,
            self.worse.log_e,
            self.not_inferior.log_e,
            worse=self.worse.crossed(self.alpha_worse),
            way=_way(self.not_inferior.log_e, self.alpha_promote),
            threshold_worse=1 / self.alpha_worse,
            threshold_not_inferior=1 / self.alpha_promote,
            history=tuple(self.history),
        )


def _first(seen: set[str], key: str | None) -> bool:
    if key is None:
        return True
    before = len(seen)
    seen.add(key)
    return len(seen) > before


def _way(log_e: float, alpha: float) -> float:
    return min(1.0, max(0.0, log_e / -math.log(alpha)))


def _e_value(log_e: float) -> float:
    return float(10 ** min(log_e / math.log(10), _HIGHEST))


def _of(arm: Arm) -> str:
    share = arm.bad_requests / arm.requests if arm.requests else 0.0
    return f"{arm.bad_requests:,} of {arm.requests:,} ({share:.1%})"
