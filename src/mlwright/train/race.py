"""Which trials are worth another fold.

Dropping is fair: the folds come in one order and hold the same rows for all, so that what is
compared is paired by fold. After each fold a trial must not lie behind the median of the means
that earlier trials had after as many folds (Golovin and others 2017). From the second on it must
also not lie behind the leader by more than the standard error of their differences fold by fold
(a race, Maron and Moore 1994). A trial that is dropped has no score; only those that ran every
fold can win, so nothing wins by what few folds said. What a race can do is to miss a good trial
whose first folds were unlucky.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from mlwright.train.study import Tried

_EARLIER = 3
"""Trials that a median is taken of, at the least."""


@dataclass(frozen=True, slots=True)
class Race:
    """What later trials are compared with; `sign` is -1 where lower is better."""

    medians: Mapping[int, float]
    leader: tuple[float, ...]
    sign: int

    def open(self, values: Sequence[float]) -> bool:
        """Tell whether a trial with these values on the first folds goes on.

        >>> race = Race({1: 0.8}, (0.85, 0.86, 0.84), 1)
        >>> race.open([0.79]), race.open([0.84]), race.open([0.84, 0.85]), race.open([0.84, 0.87])
        (False, True, False, True)
        """
        done = len(values)
        limit = self.medians.get(done)
        if limit is not None and self.sign * (float(np.mean(values)) - limit) < 0:
            return False
        if done < 2 or not self.leader:
            return True
        ahead = self.sign * (np.asarray(values) - self.leader[:done])
        return bool(ahead.mean() + ahead.std(ddof=1) / np.sqrt(done) >= 0)


def race_of(tried: Sequence[Tried], leader: Tried | None, *, higher_is_better: bool) -> Race:
    """Return the race as it stands after these trials."""
    means: dict[int, list[float]] = {}
    for trial in tried:
        for done in range(1, len(trial.values) + 1):
            means.setdefault(done, []).append(float(np.mean(trial.values[:done])))
    medians = {done: median(found) for done, found in means.items() if len(found) >= _EARLIER}
    return Race(medians, leader.values if leader else (), 1 if higher_is_better else -1)
