"""The two sequential tests of a guard: is the candidate worse, and is it no worse by the margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mlwright.stats.eprocess import NonInferiority, RateEProcess

from .guards import Guard


@dataclass(frozen=True, slots=True)
class Units:
    """Units in their order: which arm, what loss, and the candidate's share at their assignment."""

    candidate: Sequence[bool]
    loss: Sequence[float]
    weight: Sequence[float]

    def swapped(self) -> Units:
        """Return the same with the arms changed over."""
        arms, weights = [not arm for arm in self.candidate], [1 - w for w in self.weight]
        return Units(arms, self.loss, weights)

    def inverted(self) -> Units:
        """Return the same with gains in place of losses."""
        return Units(self.candidate, [1 - loss for loss in self.loss], self.weight)

    def add_to(self, test: NonInferiority) -> NonInferiority:
        """Return the test after these units."""
        return test.update_many(self.candidate, self.loss, self.weight)


class Comparison(Protocol):
    """Kept up with units and failures; both questions may be asked at any time."""

    def add(self, units: Units | None, failures: Units | None) -> None:
        """Take in the first losses of new units, and the first failures of units."""
        ...

    @property
    def log_e_worse(self) -> float:
        """The log e-value against "no worse"."""
        ...

    @property
    def log_e_promote(self) -> float:
        """The log e-value against "worse by the margin"."""
        ...

    def worse(self, alpha: float) -> bool:
        """Return whether "no worse" is rejected at this level."""
        ...

    def way(self, alpha: float) -> float:
        """Return how far the proof of non-inferiority has come, from 0 to 1."""
        ...


def comparison(guard: Guard) -> Comparison:
    """Return the tests of a guard, with nothing seen."""
    if guard.kind == "predictions":
        return Band(guard.margin)
    return Means(guard.margin) if guard.kind == "measure" else Events(guard.margin)


class Events:
    """For a yes/no event: of the failures alone, do too many fall to the candidate?"""

    def __init__(self, margin: float) -> None:
        self._worse = RateEProcess()
        self._promote = NonInferiority(margin=margin)

    def add(self, units: Units | None, failures: Units | None) -> None:
        """Take in units and failures."""
        if units:
            self._promote = units.add_to(self._promote)
        if failures:
            self._worse = self._worse.update_many(failures.candidate, failures.weight)

    @property
    def log_e_worse(self) -> float:
        """The log e-value against "no worse"."""
        return self._worse.log_e

    @property
    def log_e_promote(self) -> float:
        """The log e-value against "worse by the margin"."""
        return self._promote.log_e

    def worse(self, alpha: float) -> bool:
        """Return whether "no worse" is rejected."""
        return self._worse.crossed(alpha)

    def way(self, alpha: float) -> float:
        """Return how far the proof has come."""
        return _way(self._promote.log_e, alpha)


class Means:
    """For a loss from 0 to 1: the mean of its difference, from both sides."""

    def __init__(self, margin: float) -> None:
        self._worse = NonInferiority(margin=0.0)
        self._promote = NonInferiority(margin=margin)

    def add(self, units: Units | None, failures: Units | None) -> None:
        """Take in units; a loss that is no event has no failures."""
        if units:
            self._promote = units.add_to(self._promote)
            self._worse = units.swapped().add_to(self._worse)

    @property
    def log_e_worse(self) -> float:
        """The log e-value against "no worse"."""
        return self._worse.log_e

    @property
    def log_e_promote(self) -> float:
        """The log e-value against "worse by the margin"."""
        return self._promote.log_e

    def worse(self, alpha: float) -> bool:
        """Return whether "no worse" is rejected."""
        return self._worse.accepted(alpha)

    def way(self, alpha: float) -> float:
        """Return how far the proof has come."""
        return _way(self._promote.log_e, alpha)


class Band:
    """For a share that should stay near: outside of the margin on either side, or within on both.

    Each side has half of alpha for "outside"; "within" needs both sides, so each has it whole.
    """

    def __init__(self, margin: float) -> None:
        self._outside = [NonInferiority(margin=-margin)] * 2
        self._within = [NonInferiority(margin=margin)] * 2

    def add(self, units: Units | None, failures: Units | None) -> None:
        """Take in units; neither side is a failure."""
        if units:
            sides = units, units.inverted()
            self._within = [
                side.add_to(test) for side, test in zip(sides, self._within, strict=True)
            ]
            self._outside = [
                side.swapped().add_to(test) for side, test in zip(sides, self._outside, strict=True)
            ]

    @property
    def log_e_worse(self) -> float:
        """The log e-value against "within the margin": that of two sides, at half its weight."""
        return max(test.log_e for test in self._outside) - math.log(2)

    @property
    def log_e_promote(self) -> float:
        """The log e-value against "outside of the margin", of the side that is further behind."""
        return min(test.log_e for test in self._within)

    def worse(self, alpha: float) -> bool:
        """Return whether "within the margin" is rejected."""
        return any(test.accepted(alpha / 2) for test in self._outside)

    def way(self, alpha: float) -> float:
        """Return how far the proof has come."""
        return _way(self.log_e_promote, alpha)


def _way(log_e: float, alpha: float) -> float:
    return min(1.0, max(0.0, log_e / -math.log(alpha)))
