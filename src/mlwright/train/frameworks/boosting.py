"""What boosted trees of every library have in common here."""

from __future__ import annotations

import os

from mlwright.train.frameworks import Params, Problem, Rows

_OURS = ("rounds", "early_stopping_rounds")
_FEW_CLASS_ROWS = 10_000


def own(params: Params) -> Params:
    """Return the parameters that are the library's own, not of how long it boosts."""
    return {name: value for name, value in params.items() if name not in _OURS}


def wants_small_trees(problem: Problem, rows: int) -> bool:
    """Tell whether the rows carry only small trees: a class says less about a row than a number."""
    return problem.task != "regression" and rows < _FEW_CLASS_ROWS


def threads(train: Rows, *, rows_a_thread: int) -> int:
    """Return how many threads are worth it for these rows."""
    return max(1, min(os.cpu_count() or 1, len(train.target) // rows_a_thread))
