"""What a guard reads from each request: a loss from 0 to 1, where it can tell one yet.

A reading may depend on what was seen before, never on what comes: so it is fixed before the arm
of its request is drawn, and the sequential tests stay valid.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, Protocol, cast

import numpy as np

from mlwright.core.signature import Label
from mlwright.predictions.lines import Outcome

from .guards import Guard

FLOOR_MS: Final = 1.0
"""Slower by less than this is nobody's concern, whatever it is in percent."""
_FIRST: Final = 200  # requests of the champion before anything is compared with them
_KEPT: Final = 2_000
_EVERY: Final = 100


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one request: its outcome, and what came of it later.

    `took` is the time in the worker that predicted, in milliseconds, without the way to it; where
    that failed, what was waited for it.
    """

    outcome: Outcome
    prediction: Label | None = None
    took: float | None = None
    label: Label | None = None
    value: float | None = None
    measure: str = ""


class Reading(Protocol):
    """Reads facts in their order."""

    def loss(self, fact: Fact) -> float | None:
        """Return the loss of a request, or None when it tells nothing."""
        ...


def reading(guard: Guard) -> Reading:
    """Return a reading that has seen nothing."""
    if guard.kind == "slower":
        return Slower(guard.quantile, guard.growth)
    if guard.kind == "predictions":
        return Usual()
    if guard.kind == "accuracy":
        return Wrong()
    if guard.kind == "off":
        return Off(guard.growth)
    return Told(guard.name) if guard.kind == "measure" else Event(guard)


@dataclass(frozen=True, slots=True)
class Event:
    """1 for a failure, or for an answer above a limit of time."""

    guard: Guard

    def loss(self, fact: Fact) -> float | None:
        """Return whether it counts against its arm."""
        return float(self.guard.bad(fact.outcome))


class Wrong:
    """1 where the true label is another than the prediction."""

    def loss(self, fact: Fact) -> float | None:
        """Return whether the prediction was wrong."""
        if fact.label is None or fact.prediction is None:
            return None
        return float(str(fact.prediction) != str(fact.label))


class Off:
    """How far a number is from its label, as a share of a bound; more than the bound counts as 1.

    For the candidate one `growth`th of it: with equal losses its mean error is growth times the
    champion's. The bound is twice the 95th percentile of the champion's first errors, which are
    not compared.
    """

    def __init__(self, growth: float) -> None:
        self.growth = growth
        self.bound: float | None = None
        self._first: list[float] = []

    def loss(self, fact: Fact) -> float | None:
        """Return its share of the bound; None while that is being learned, or for no number."""
        try:
            error = abs(float(cast(float, fact.prediction)) - float(cast(float, fact.label)))
        except (TypeError, ValueError):
            return None
        if self.bound is None:
            if not fact.outcome.candidate:
                self._learn(error)
            return None
        share = error / self.bound
        return min(1.0, share / self.growth if fact.outcome.candidate else share)

    def _learn(self, error: float) -> None:
        self._first.append(error)
        if len(self._first) >= _FIRST:
            self.bound = max(2 * float(np.quantile(self._first, 0.95)), 1e-9)


@dataclass(frozen=True, slots=True)
class Told:
    """What is missing to 1 of a value that was told under this name."""

    name: str

    def loss(self, fact: Fact) -> float | None:
        """Return 1 - value; a value outside of 0..1 counts as the nearer end."""
        if fact.value is None or fact.measure != self.name:
            return None
        return 1.0 - min(1.0, max(0.0, fact.value))


class Slower:
    """1 where an answer of the champion is above a quantile of the champion's last answers.

    For the candidate, where it is above `growth` times that: so with equal losses in both arms its
    quantile is `growth` times the champion's. The quantile is of earlier answers, and both arms
    are held against the same one, so a bad hour is common to both.
    """

    def __init__(self, quantile: float, growth: float) -> None:
        self._quantile = quantile
        self._growth = growth
        self._last: deque[float] = deque(maxlen=_KEPT)
        self._seen = 0
        self._limit: float | None = None

    def loss(self, fact: Fact) -> float | None:
        """Return whether it is slow; None until enough of the champion was seen."""
        took, limit = fact.took, self._limit
        if took is None:
            return None
        if not fact.outcome.candidate:
            self._learn(took)
        if limit is None:
            return None
        if fact.outcome.candidate:
            limit = max(limit * self._growth, limit + FLOOR_MS)
        return float(took > limit)

    def _learn(self, latency: float) -> None:
        self._last.append(latency)
        self._seen += 1
        if self._seen >= _FIRST and self._seen % _EVERY == 0:
            self._limit = float(np.quantile(self._last, self._quantile))


class Usual:
    """1 where the prediction is the champion's commonest, or a number above its median.

    Which one that is, is learned from the champion's first answers, which are not compared.
    """

    def __init__(self) -> None:
        self._first: list[Label] = []
        self._usual: Label | None = None

    def loss(self, fact: Fact) -> float | None:
        """Return whether it is of the usual kind; None while that is being learned."""
        found = fact.prediction
        if found is None:
            return None
        if self._usual is None:
            if not fact.outcome.candidate:
                self._learn(found)
            return None
        if isinstance(found, float):
            return float(found > float(self._usual))
        return float(found == self._usual)

    def _learn(self, found: Label) -> None:
        self._first.append(found)
        if len(self._first) < _FIRST:
            return
        if isinstance(found, float):
            self._usual = float(np.median([float(each) for each in self._first]))
        else:
            self._usual = Counter(self._first).most_common(1)[0][0]
