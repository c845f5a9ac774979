"""The two sequential tests of a guard: is the candidate worse, and is it no worse by the margin."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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


class Objection(Protocol):
    """The test of "it is no worse"."""

    def add(self, units: Units | None, failures: Units | None) -> None:
        """Take in the first losses of new units, and the first failures of units."""
        ...

    @property
    def log_e(self) -> float:
        """The log e-value against it."""
        ...

    def rejected(self, alpha: float) -> bool:
        """Return whether it was rejected at this level."""
        ...


class Failures:
    """Of the failures alone, do too many fall to the candidate?"""

    def __init__(self) -> None:
        self._test = RateEProcess()

    def add(self, units: Units | None, failures: Units | None) -> None:
        """Take in failures."""
        if failures:
            self._test = self._test.update_many(failures.candidate, failures.weight)

    @property
    def log_e(self) -> float:
        """The log e-value."""
        return self._test.log_e

    def rejected(self, alpha: float) -> bool:
        """Return whether too many did."""
        return self._test.crossed(alpha)


View = Callable[[Units], Units]


class _Sides:
    """The same test on one or two views of the units: a loss, or a loss and a gain."""

    def __init__(self, margin: float, views: Sequence[View]) -> None:
        self._views = views
        self.tests = [NonInferiority(margin=margin)] * len(views)

    def add(self, units: Units | None, failures: Units | None = None) -> None:
        """Take in units."""
        if units:
            sides = zip(self._views, self.tests, strict=True)
            self.tests = [view(units).add_to(test) for view, test in sides]


class AnySide(_Sides):
    """Worse on any side; each has its part of alpha (union bound)."""

    @property
    def log_e(self) -> float:
        """The log e-value of the worst side, at its part of the weight."""
        return max(test.log_e for test in self.tests) - math.log(len(self.tests))

    def rejected(self, alpha: float) -> bool:
        """Return whether one side is worse."""
        return any(test.accepted(alpha / len(self.tests)) for test in self.tests)


class EverySide(_Sides):
    """No worse by the margin on every side; as all are needed, each has alpha whole."""

    @property
    def log_e(self) -> float:
        """The log e-value of the side that is further behind."""
        return min(test.log_e for test in self.tests)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Kept up with units and failures; both questions may be asked at any time."""

    objection: Objection
    proof: EverySide

    def add(self, units: Units | None, failures: Units | None) -> None:
        """Take in the first losses of new units, and the first failures of units."""
        self.objection.add(units, failures)
        self.proof.add(units)

    @property
    def log_e_worse(self) -> float:
        """The log e-value against "no worse"."""
        return self.objection.log_e

    @property
    def log_e_promote(self) -> float:
        """The log e-value against "worse by the margin"."""
        return self.proof.log_e

    def worse(self, alpha: float) -> bool:
        """Return whether "no worse" is rejected at this level."""
        return self.objection.rejected(alpha)

    def way(self, alpha: float) -> float:
        """Return how far the proof of non-inferiority has come, from 0 to 1."""
        return min(1.0, max(0.0, self.proof.log_e / -math.log(alpha)))


def comparison(guard: Guard) -> Comparison:
    """Return the tests of a guard, with nothing seen.

    A yes/no event is judged by its failures, a loss from 0 to 1 by its mean; a share that should
    stay near is outside of the margin on either side, or within it on both.
    """
    margin = guard.margin
    if guard.kind == "predictions":
        outside = AnySide(-margin, (Units.swapped, _inverted_and_swapped))
        return Comparison(outside, EverySide(margin, (_as_it_is, Units.inverted)))
    proof = EverySide(margin, (_as_it_is,))
    return Comparison(AnySide(0.0, (Units.swapped,)) if guard.is_mean else Failures(), proof)


def _as_it_is(units: Units) -> Units:
    return units


def _inverted_and_swapped(units: Units) -> Units:
    return units.inverted().swapped()
