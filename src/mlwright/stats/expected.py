"""The metrics that predictions will have if their probabilities are right, without any label.

A row with P(1) = .7 counts as .7 of a positive and .3 of a negative row, so that the metrics are
those of `metrics`, with weights: confidence-based performance estimation (Guillory and others 2021;
Białek and others 2024). It holds as far as the probabilities do.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlwright.stats.arrays import FloatArray
from mlwright.stats.bootstrap import percentile_interval
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import Task, measure, weighted_metrics

_UNTOLD: Final = "ece"  # how far the probabilities are wrong is assumed, and not found
_CELLS: Final = 1 << 19


def expected_metrics(
    task: Task,
    prediction: ArrayLike,
    scores: ArrayLike,
    *,
    chances: ArrayLike | None = None,
    counts: ArrayLike | None = None,
    level: float = 0.99,
    repeats: int = 200,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return every metric but ECE as labels would show it, were the probabilities right.

    The interval is of the metric that labels of these very rows would give: outcomes are drawn by
    their probabilities. It holds no error of the probabilities themselves.

    Args:
        task: binary or multiclass.
        prediction: class indices (n,).
        scores: P(1) (n,), or probabilities (n, classes) that sum to 1.
        chances: what the outcome is taken to follow, in the shape of the scores; the scores
            themselves when left out.
        counts: how many rows each entry stands for (n,); 1 when left out.
        level: of the intervals.
        repeats: how often outcomes are drawn.
        seed: of the draws.

    Raises:
        ValueError: as `metrics.measure`.

    >>> round(expected_metrics("binary", [0, 1], [0.2, 0.9])["accuracy"].value, 4)
    0.85
    """
    given = np.asarray(scores, dtype=np.float64)
    follows = given if chances is None else np.asarray(chances, dtype=np.float64)
    shares = np.column_stack([1 - follows, follows]) if follows.ndim == 1 else follows
    n, k = shares.shape
    rows = np.ones(n, np.int64) if counts is None else np.asarray(counts, dtype=np.int64)
    # Every row once as each class: all rows as the first, then all as the second, and so on.
    truth = np.repeat(np.arange(k), n)
    said = np.tile(np.asarray(prediction), k)
    stacked = np.concatenate([given] * k)
    values = measure(task, truth, said, stacked, weights=(shares * rows[:, None]).T.ravel())
    values.pop(_UNTOLD, None)
    metrics = weighted_metrics(task, truth, said, stacked)
    draws: dict[str, list[FloatArray]] = {name: [] for name in values}
    for weights in _outcomes(shares, rows, repeats, seed):
        for name, drawn in draws.items():
            drawn.append(metrics[name](weights))
    total = int(rows.sum())
    return {
        name: percentile_interval(value, np.concatenate(draws[name]), level, total)
        for name, value in values.items()
    }


def _outcomes(
    chances: FloatArray, rows: NDArray[np.int64], repeats: int, seed: int
) -> Iterator[FloatArray]:
    """Give weights (some repeats, classes * n) of outcomes drawn by their probabilities."""
    rng = np.random.default_rng(seed)
    size = max(1, _CELLS // chances.size)
    shares = chances / chances.sum(axis=1, keepdims=True)
    for start in range(0, repeats, size):
        count = min(size, repeats - start)
        drawn = rng.multinomial(rows, shares, size=(count, len(rows)))
        yield drawn.transpose(0, 2, 1).reshape(count, -1).astype(np.float64)
