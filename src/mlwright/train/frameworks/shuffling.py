"""What a model looks at, found out by shuffling: for models that cannot say."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from mlwright.train.frameworks import FloatArray

_CELLS = 10_000
_FEW_ROWS = 100


def moved(scores: Callable[[FloatArray], FloatArray], rows: FloatArray) -> FloatArray:
    """Return how far scores move, on average, when one feature is shuffled (features,).

    It is the permutation importance of Breiman (2001) without the target, on a few hundred of the
    rows (n, features), and fewer where there are very many features.
    """
    few = rows[: max(_CELLS // rows.shape[1], 20)]
    telling = np.flatnonzero(few.std(axis=0) > 0).tolist()
    return _moved(scores, few, [(feature, feature + 1) for feature in telling])


def moved_together(
    scores: Callable[[FloatArray], FloatArray],
    rows: FloatArray,
    groups: Iterable[tuple[int, int]],
) -> FloatArray:
    """Return how far scores move when a range of features is shuffled as one, at its first."""
    return _moved(scores, rows[:_FEW_ROWS], groups)


def _moved(
    scores: Callable[[FloatArray], FloatArray],
    few: FloatArray,
    groups: Iterable[tuple[int, int]],
) -> FloatArray:
    order = np.random.default_rng(0).permutation(len(few))
    before = scores(few)
    found = np.zeros(few.shape[1])
    for start, end in groups:
        changed = few.copy()
        changed[:, start:end] = few[order, start:end]
        found[start] = np.abs(scores(changed) - before).mean()
    return found
