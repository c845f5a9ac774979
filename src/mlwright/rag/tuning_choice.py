"""Which of the measured configurations to take, and whether it is better than the present one.

The gain is measured on questions that the choice has not seen: in turn each fold is left out, the
best on the others is chosen, and it is compared with the present one on the fold that was left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlwright.stats.bootstrap import paired_difference
from mlwright.stats.intervals import Interval

DEPTHS = (1, 2, 3, 5, 8, 10, 15, 20)
"""How many hits are tried for an answer."""

ENOUGH = 0.95
"""Share of the recall of the most hits that fewer must keep."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one configuration did with one question.

    `recall` and `tokens` are those of the first 1, 2, 3, … hits, as many as `DEPTHS`.
    """

    quality: float
    recall: tuple[float, ...]
    tokens: tuple[int, ...]
    milliseconds: float


Rows = Mapping[str, Row]
"""By the question's id."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The best by its place, and its gain over the first on questions not chosen by."""

    best: int
    gain: Interval

    @property
    def is_better(self) -> bool:
        """Say whether the gain is more than noise."""
        return self.best != 0 and self.gain.low > 0


def choose(measured: Sequence[Rows], *, folds: int, seed: int) -> Choice:
    """Return the best of what was measured on the same questions; the first is the present one.

    >>> weak, strong = Row(0.2, (), (), 1.0), Row(0.9, (), (), 1.0)
    >>> names = [str(number) for number in range(20)]
    >>> found = choose([dict.fromkeys(names, weak), dict.fromkeys(names, strong)], folds=5, seed=0)
    >>> found.best, round(found.gain.value, 2), found.is_better
    (1, 0.7, True)
    """
    names = sorted(measured[0])
    scores = np.array([[rows[name].quality for name in names] for rows in measured])
    fold = np.random.default_rng(seed).permutation(len(names)) % folds
    unseen = np.empty(len(names))
    for out in range(folds):
        held = fold == out
        unseen[held] = scores[_best(scores[:, ~held]), held]
    return Choice(_best(scores), paired_difference(unseen, scores[0], seed=seed))


def _best(scores: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> int:
    return int(scores.mean(axis=1).argmax())  # of equals the first: the present one, if it is one


def hits_wanted(rows: Rows, present: int, *, seed: int) -> tuple[int, Interval | None]:
    """Return how many hits an answer should be made from, and the recall that this gains.

    The fewest that keep nearly all of the recall of the most; more than at present only where they
    find more beyond noise. The gain is unknown where the present number is none of `DEPTHS`.

    >>> rows = {name: Row(1.0, (0.5, 0.75, 1, 1, 1, 1, 1, 1), (), 1.0) for name in "ab"}
    >>> hits_wanted(rows, 2, seed=0)
    (3, Interval(value=0.25, low=0.25, high=0.25, n=2))
    """
    found = np.array([row.recall for row in rows.values()])
    means = found.mean(axis=0)
    wanted = next(k for k, mean in zip(DEPTHS, means, strict=True) if mean >= ENOUGH * means[-1])
    if present not in DEPTHS:
        return wanted, None
    new, old = found[:, DEPTHS.index(wanted)], found[:, DEPTHS.index(present)]
    gain = paired_difference(new, old, seed=seed)
    if wanted > present and gain.low <= 0:
        return present, paired_difference(old, old, seed=seed)
    return wanted, gain
