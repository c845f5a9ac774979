"""Keep to a deadline where a fit cannot be interrupted: fit on ever more rows while time allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from mlwright.train.frameworks import Problem, Rows

T = TypeVar("T")

_FIRST_ROWS = 1000
_GROWTH = 4.0
"""Twice the rows are taken to cost this many times as much, as with a kernel's matrix."""


def on_growing_rows(problem: Problem, train: Rows, fit: Callable[[Rows], T]) -> tuple[T, str]:
    """Return the model of all rows, or of as many as the deadline allows, and what was left out.

    The rows left out are chosen at random. Without a deadline this is one fit on all rows.
    """
    n = len(train.target)
    if problem.deadline is None:
        return fit(train), ""
    order = np.random.default_rng(problem.seed).permutation(n)
    size = min(n, _FIRST_ROWS)
    while True:
        started = time.monotonic()
        model = fit(train if size == n else train.take(np.sort(order[:size])))
        now = time.monotonic()
        grown = min(n, 2 * size)
        if size == n or now + _GROWTH * (now - started) > problem.deadline:
            break
        size = grown
    return model, f"fitted on {size:,} of {n:,} rows" if size < n else ""
