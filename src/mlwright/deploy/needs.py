"""What is missing for a promotion: how many requests more, and how long at the present rate."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

from mlwright.predictions.lines import Outcome
from mlwright.stats.remaining import units_left

from .seen import Arm, GuardEvidence, Needs

_SPAN: Final = 20  # chunks of requests that the present rate is taken from
_ENOUGH: Final = 500  # units that say something of the rates


class Pace:
    """How many requests come in a second, and how many of them it takes for a new unit."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[float, int]] = deque(maxlen=_SPAN)
        self.requests = 0
        self.weight = 0.5

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take in more requests, in their order."""
        self.requests += len(outcomes)
        self.weight = outcomes[-1].weight
        self._chunks.append((outcomes[-1].time, self.requests))

    @property
    def per_second(self) -> float | None:
        """Return the present rate, or None before it is known."""
        if len(self._chunks) < 2:
            return None
        (since, before), (until, now) = self._chunks[0], self._chunks[-1]
        return (now - before) / (until - since) if until > since else None


def needed(guards: Sequence[GuardEvidence], alpha: float, pace: Pace) -> Needs:
    """Return what is missing until every guard accepts, were everything to stay as it is."""
    most = 0
    for guard in guards:
        units = guard.champion.units + guard.candidate.units
        left = _units_left(guard, alpha, pace.weight)
        if left is None or not units:
            return Needs(never=guard.name if units >= _ENOUGH else "")
        most = max(most, math.ceil(left * max(1.0, pace.requests / units)))
    rate = pace.per_second
    return Needs(most, math.ceil(most / rate) if rate else None)


def _units_left(guard: GuardEvidence, alpha: float, weight: float) -> int | None:
    if guard.way >= 1:
        return 0
    return units_left(
        guard.log_e_not_inferior,
        alpha,
        margin=guard.guard.margin,
        champion=_rate(guard.champion),
        candidate=_rate(guard.candidate),
        weight=weight,
    )


def _rate(arm: Arm) -> float:
    return arm.bad_units / arm.units if arm.units else 0.0
