"""What the outcomes of a rollout say, guard by guard, kept up as they arrive."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from mlwright.predictions.lines import Outcome
from mlwright.stats.design import Difference
from mlwright.stats.split import SplitCheck

from .comparison import Units, comparison
from .guards import ALPHA, SPLIT_PART, Guard, Source, alphas
from .needs import Pace, needed
from .readings import Fact, Off, reading
from .seen import Arm, GuardEvidence, Needs, Observations, Split, e_value

_CHUNK: Final = 100  # units between two points of the history, until it is thinned
_MOST_POINTS: Final = 200
_HIGHEST: Final = 300  # log10 of an e-value as it is shown


class Evidence:
    """The evidence of one rollout: give it outcomes in the order in which they were written."""

    def __init__(self, guards: Sequence[Guard], *, alpha: float = ALPHA) -> None:
        self._alpha = alpha
        parts = alphas(guards, alpha)
        self._counters = [_Counter(g, part, alpha) for g, part in zip(guards, parts, strict=True)]
        self._split = SplitCheck()
        self._arrived: set[str] = set()
        self._pace = Pace()

    @property
    def sources(self) -> set[Source]:
        """Return where the guards read."""
        return {counter.guard.source for counter in self._counters}

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take in more outcomes; those of a share of 0 or 1 compare nothing and are left out."""
        compared = [outcome for outcome in outcomes if 0 < outcome.weight < 1]
        for start in range(0, len(compared), _CHUNK):
            chunk = compared[start : start + _CHUNK]
            self._check_split(chunk)
            self._pace.add(chunk)
            self._add([Fact(outcome) for outcome in chunk], "outcome")

    def add_facts(self, facts: Sequence[Fact], source: Source) -> None:
        """Take in what became known later of outcomes that were given to `add`."""
        compared = [fact for fact in facts if 0 < fact.outcome.weight < 1]
        for start in range(0, len(compared), _CHUNK):
            self._add(compared[start : start + _CHUNK], source)

    def observations(self, *, at_step: float = 0.0) -> Observations:
        """Return where every guard stands; `at_step` are the seconds since the step began."""
        found = tuple(counter.evidence() for counter in self._counters)
        alpha = self._alpha * SPLIT_PART
        split = Split(
            self._split.units,
            self._split.candidate,
            self._split.expected,
            e_value(self._split.log_e),
            1 / alpha,
            self._split.mismatch(alpha),
        )
        needs = needed(found, self._alpha, self._pace) if found else Needs()
        return Observations(found, self._alpha, split, needs, at_step)

    def _add(self, facts: Sequence[Fact], source: Source) -> None:
        for counter in self._counters:
            if counter.guard.source == source:
                counter.add(facts)

    def _check_split(self, outcomes: Sequence[Outcome]) -> None:
        new = [outcome for outcome in outcomes if _first(self._arrived, outcome.key)]
        if new:
            arms, weights = [each.candidate for each in new], [each.weight for each in new]
            self._split = self._split.update_many(arms, weights)


class _Counter:
    """One guard's counts and tests; keys are kept, as only their first outcome is a unit."""

    def __init__(self, guard: Guard, alpha_worse: float, alpha_promote: float) -> None:
        self.guard = guard
        self.alpha_worse = alpha_worse
        self.alpha_promote = alpha_promote
        self.reading = reading(guard)
        self.tests = comparison(guard)
        self.seen: set[str] = set()
        self.failed: set[str] = set()
        self.arms = [[0, 0.0, 0, 0.0], [0, 0.0, 0, 0.0]]
        self.sums = [0, 0.0, 0.0]
        self.heaviest = 1.0
        self.history: list[tuple[float, ...]] = []
        self.every = 1
        self.chunks = 0

    def add(self, facts: Sequence[Fact]) -> None:
        read = [(fact.outcome, self.reading.loss(fact)) for fact in facts]
        told = [(outcome, loss) for outcome, loss in read if loss is not None]
        if not told:
            return
        units = [each for each in told if _first(self.seen, each[0].key)]
        failed = [each for each in told if each[1] == 1 and _first(self.failed, each[0].key)]
        self.tests.add(_units(units), _units(failed))
        self._count(told, first=0)
        self._count(units, first=2)
        self._sum(units)
        self._remember(told[-1][0].time)

    def _count(self, told: Sequence[tuple[Outcome, float]], *, first: int) -> None:
        for outcome, loss in told:
            arm = self.arms[outcome.candidate]
            arm[first] += 1
            arm[first + 1] += loss

    def _sum(self, units: Sequence[tuple[Outcome, float]]) -> None:
        for outcome, loss in units:
            w = outcome.weight
            excess = loss / w if outcome.candidate else -loss / (1 - w)
            self.sums[0] += 1
            self.sums[1] += excess
            self.sums[2] += excess * excess
            self.heaviest = max(self.heaviest, 1 / w)

    def _remember(self, time: float) -> None:
        self.chunks += 1
        if self.chunks % self.every:
            return
        logs = (self.tests.log_e_worse, self.tests.log_e_promote)
        points = (min(log / math.log(10), _HIGHEST) for log in logs)
        self.history.append((float(self.sums[0]), time, *points))
        if len(self.history) > _MOST_POINTS:
            self.history = self.history[1::2]
            self.every *= 2

    def evidence(self) -> GuardEvidence:
        champion, candidate = (
            Arm(int(each[0]), each[1], int(each[2]), each[3]) for each in self.arms
        )
        return GuardEvidence(
            self.guard,
            champion,
            candidate,
            self.tests.log_e_worse,
            self.tests.log_e_promote,
            worse=self.tests.worse(self.alpha_worse),
            way=self.tests.way(self.alpha_promote),
            threshold_worse=1 / self.alpha_worse,
            threshold_not_inferior=1 / self.alpha_promote,
            history=tuple(self.history),
            difference=self._difference(),
            bound=self.reading.bound if isinstance(self.reading, Off) else None,
        )

    def _difference(self) -> Difference | None:
        n, total, squares = self.sums
        if n < 2:
            return None
        # One failure more than were seen, so that none at all is no certainty of none.
        spread = squares + self.heaviest**2 - total * total / n
        return Difference(total / n, math.sqrt(max(spread, 0.0)) / n, int(n))


def _units(told: Sequence[tuple[Outcome, float]]) -> Units | None:
    if not told:
        return None
    return Units(
        [outcome.candidate for outcome, _ in told],
        [loss for _, loss in told],
        [outcome.weight for outcome, _ in told],
    )


def _first(seen: set[str], key: str | None) -> bool:
    if key is None:
        return True
    before = len(seen)
    seen.add(key)
    return len(seen) > before
