"""What a model looks at, found out by shuffling: for models that cannot say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlwright.train.frameworks import FloatArray

_CELLS = 10_000


def moved(scores: Callable[[FloatArray], FloatArray], rows: FloatArray) -> FloatArray:
    """Return how far scores move, on average, when one feature is shuffled (features,).

    It is the permutation importance of Breiman (2001) without the target, on a few hundred of the
    rows (n, features), and fewer where there are very many features.
    """
    few = rows[: max(_CELLS // rows.shape[1], 20)]
    order = np.random.default_rng(0).permutation(len(few))
    before = scores(few)
    found = np.zeros(rows.shape[1])
    for feature in np.flatnonzero(few.std(axis=0) > 0):
        changed = few.copy()
        changed[:, feature] = few[order, feature]
        found[feature] = np.abs(scores(changed) - before).mean()
    return found
