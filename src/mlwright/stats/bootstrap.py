"""Percentile bootstrap of metrics and paired differences (Efron and Tibshirani 1993).

The unit of resampling is the row, or, when `units` names them (one id a row, such as the
customer), the whole unit with all its rows. A repeat is a vector of weights, so that scores are
sorted once.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlwright.stats.arrays import FloatArray, floats, same_length, unit_interval
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import Task, measure, weighted_metrics
from mlwright.stats.ranking import ratio

_CELLS = 1 << 19
"""Weights held at once (4 MB): a chunk that stays in the cache is twice as fast."""


def bootstrap_metrics(
    task: Task,
    y_true: ArrayLike,
    prediction: ArrayLike,
    scores: ArrayLike | None,
    *,
    level: float = 0.95,
    repeats: int = 1000,
    seed: int = 0,
    units: ArrayLike | None = None,
) -> dict[str, Interval]:
    """Return every metric that exists, with its percentile interval; n counts the units.

    Arrays as in `metrics.measure`. Repeats in which a metric does not exist are left out of its
    interval. The interval is widened to hold the value where the bootstrap is biased (ECE).

    Raises:
        ValueError: as `measure`, or fewer than two units.

    >>> found = bootstrap_metrics("regression", [1.0, 2.0, 4.0], [1.0, 2.5, 3.5], None)
    >>> round(found["mae"].value, 4), found["mae"].n
    (0.3333, 3)
    """
    metrics = weighted_metrics(task, y_true, prediction, scores)
    values = measure(task, y_true, prediction, scores)
    n, resamples = _resamples(len(np.asarray(y_true)), units, repeats, seed)
    draws: dict[str, list[FloatArray]] = {name: [] for name in values}
    for weights in resamples:
        for name, drawn in draws.items():
            drawn.append(metrics[name](weights))
    return {
        name: percentile_interval(value, np.concatenate(draws[name]), level, n)
        for name, value in values.items()
    }


def paired_difference(
    loss_a: ArrayLike,
    loss_b: ArrayLike,
    *,
    units: ArrayLike | None = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the mean over rows of a - b, both measured on the same rows.

    Raises:
        ValueError: lengths differ, a NaN, or fewer than two units.

    >>> paired_difference([1.0, 2.0, 3.0], [0.5, 1.5, 2.5]).value
    0.5
    """
    first, second = floats(loss_a, "loss_a"), floats(loss_b, "loss_b")
    rows = same_length(loss_a=first, loss_b=second)
    gap, size = first - second, np.ones(rows)
    value = float(gap.mean())
    if units is not None:
        members = _unit_index(units, rows)
        gap, size = (np.bincount(members, part).astype(np.float64) for part in (gap, size))
    n, resamples = _resamples(len(gap), None, repeats, seed)
    draws = np.concatenate([ratio(weights @ gap, weights @ size) for weights in resamples])
    return percentile_interval(value, draws, level, n)


def paired_metric_difference(
    task: Task,
    metric: str,
    y_true: ArrayLike,
    prediction_a: ArrayLike,
    scores_a: ArrayLike | None,
    prediction_b: ArrayLike,
    scores_b: ArrayLike | None,
    *,
    units: ArrayLike | None = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return metric(a) - metric(b) of two models on the same rows, resampled together.

    Raises:
        ValueError: as `measure`, fewer than two units, or the metric does not exist here.

    >>> paired_metric_difference(
    ...     "binary", "accuracy", [0, 1, 1, 0], [0, 1, 1, 0], None, [0, 1, 0, 0], None
    ... ).value
    0.25
    """
    first = weighted_metrics(task, y_true, prediction_a, scores_a)
    second = weighted_metrics(task, y_true, prediction_b, scores_b)
    if metric not in first or metric not in second:
        raise ValueError(f"{metric} is not measured for a {task} task with these scores.")
    rows = len(np.asarray(y_true))
    whole = np.ones((1, rows))
    value = float((first[metric](whole) - second[metric](whole))[0])
    if not np.isfinite(value):
        raise ValueError(f"{metric} does not exist for this sample.")
    n, resamples = _resamples(rows, units, repeats, seed)
    draws = [first[metric](weights) - second[metric](weights) for weights in resamples]
    return percentile_interval(value, np.concatenate(draws), level, n)


def _resamples(
    rows: int, units: ArrayLike | None, repeats: int, seed: int
) -> tuple[int, Iterator[FloatArray]]:
    """Return the number of units, and chunks of row weights (repeats, rows)."""
    members = None if units is None else _unit_index(units, rows)
    n = rows if members is None else int(members.max()) + 1
    if n < 2:
        raise ValueError("A bootstrap needs at least two units.")
    return n, _chunks(n, rows, members, repeats, seed)


def _chunks(
    n: int, rows: int, members: NDArray[np.intp] | None, repeats: int, seed: int
) -> Iterator[FloatArray]:
    rng = np.random.default_rng(seed)
    size = max(1, _CELLS // max(n, rows))
    for start in range(0, repeats, size):
        count = min(size, repeats - start)
        drawn = rng.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n)
        chosen = weights.astype(np.float64)
        yield chosen if members is None else np.take(chosen, members, axis=1)


def _unit_index(units: ArrayLike, rows: int) -> NDArray[np.intp]:
    ids = np.asarray(units)
    if ids.shape != (rows,):
        raise ValueError(f"units must hold one id a row: {rows} rows, got shape {ids.shape}.")
    return np.unique(ids, return_inverse=True)[1]


def percentile_interval(value: float, draws: FloatArray, level: float, n: int) -> Interval:
    """Return a value between the percentiles of draws of it; NaN draws are left out."""
    tail = (1 - unit_interval("level", level)) / 2
    defined = draws[np.isfinite(draws)]
    low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (value, value)
    return Interval(value, min(float(low), value), max(float(high), value), n)
