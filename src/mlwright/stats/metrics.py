"""The quality of predictions: one weighted formula a metric, for a sample or many resamples.

The unit is the row; a weight says how often a row counts, so that a bootstrap repeat is a vector
of weights and nothing is sorted again (see `bootstrap`).
"""

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, IntArray, floats, same_length
from mlwright.stats.ranking import Ranking, ratio

Task = Literal["binary", "multiclass", "regression"]
Metric = Callable[[FloatArray], FloatArray]
"""Weights (repeats, rows) to values (repeats,), NaN where the metric does not exist."""

HIGHER_IS_BETTER: Final[dict[str, bool]] = {
    "accuracy": True,
    "precision": True,
    "recall": True,
    "f1": True,
    "auc": True,
    "average_precision": True,
    "log_loss": False,
    "ece": False,
    "mae": False,
    "rmse": False,
    "r2": True,
}
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "binary": tuple(HIGHER_IS_BETTER)[:8],
    "multiclass": ("accuracy", "precision", "recall", "f1", "auc", "log_loss", "ece"),
    "regression": ("mae", "rmse", "r2"),
}
_BINS = 10
_CLIP = float(np.finfo(np.float64).eps)


def metric_names(task: Task) -> tuple[str, ...]:
    """Return the metrics of a task, in the order they are shown.

    Raises:
        ValueError: the task is not binary, multiclass or regression.

    >>> metric_names("regression")
    ('mae', 'rmse', 'r2')
    """
    if task not in _NAMES:
        raise ValueError(f"Unknown task {task!r}; one of {', '.join(_NAMES)}.")
    return _NAMES[task]


def measure(
    task: Task,
    y_true: ArrayLike,
    prediction: ArrayLike,
    scores: ArrayLike | None,
    *,
    weights: ArrayLike | None = None,
) -> dict[str, float]:
    """Return every metric of the task that exists for this sample.

    Binary: y_true and prediction are 0 or 1, scores the probability of 1 (n,). Multiclass: class
    indices, scores (n, k); precision, recall and F1 are averaged over the classes that occur,
    AUC is one against the rest over the classes that have both sides. Regression: numbers,
    scores None. Without scores, what needs them is left out; so is a metric that does not exist,
    such as the AUC of one class or the precision when nothing was predicted positive. ECE has 10
    bins of equal width (Naeini and others 2015), for several classes on the top label.

    Raises:
        ValueError: lengths differ, a NaN, a class outside its range, or an unknown task.

    >>> measure("binary", [0, 1, 1, 0], [0, 1, 0, 0], [0.2, 0.9, 0.4, 0.1])["recall"]
    0.5
    """
    metrics = weighted_metrics(task, y_true, prediction, scores)
    rows = len(np.asarray(y_true))
    given = np.ones(rows) if weights is None else floats(weights, "weights")
    if len(given) != rows or given.min() < 0:
        raise ValueError("weights must be one number a row, none of them negative.")
    values = {name: float(metric(given[None, :])[0]) for name, metric in metrics.items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def weighted_metrics(
    task: Task, y_true: ArrayLike, prediction: ArrayLike, scores: ArrayLike | None
) -> dict[str, Metric]:
    """Return each metric of the task as a function of row weights (repeats, rows).

    Raises:
        ValueError: as `measure`.
    """
    names = metric_names(task)
    truth, predicted = floats(y_true, "y_true"), floats(prediction, "prediction")
    same_length(y_true=truth, prediction=predicted)
    if task == "regression":
        found = _regression(truth, predicted)
    elif task == "binary":
        found = _binary(_classes(truth, 2, "y_true"), _classes(predicted, 2, "prediction"), scores)
    else:
        found = _multiclass(truth, predicted, scores)
    return {name: found[name] for name in names if name in found}


def losses(task: Task, y_true: ArrayLike, scores_or_prediction: ArrayLike) -> FloatArray:
    """Return each row's proper loss: log loss of its probability, or squared error.

    Probabilities are clipped to 2.2e-16 .. 1 - 2.2e-16, as scikit-learn does.

    Raises:
        ValueError: lengths differ, a NaN, a class outside its range, or an unknown task.

    >>> losses("regression", [1.0, 2.0], [1.0, 4.0]).tolist()
    [0.0, 4.0]
    """
    metric_names(task)
    truth = floats(y_true, "y_true")
    if task == "regression":
        predicted = floats(scores_or_prediction, "prediction")
        same_length(y_true=truth, prediction=predicted)
        return (truth - predicted) ** 2
    if task == "binary":
        scores = _probabilities(scores_or_prediction, truth)
        return _log_loss(np.where(_classes(truth, 2, "y_true") == 1, scores, 1 - scores))
    table = _probability_table(scores_or_prediction, truth)
    labels = _classes(truth, table.shape[1], "y_true")
    return _log_loss(table[np.arange(len(labels)), labels])


def _binary(y: IntArray, predicted: IntArray, scores: ArrayLike | None) -> dict[str, Metric]:
    ones, hit = np.ones(len(y)), (y * predicted).astype(np.float64)
    found = {
        "accuracy": _share(y == predicted, ones),
        "precision": _share(hit, predicted),
        "recall": _share(hit, y),
        "f1": _share(2 * hit, y + predicted),
    }
    if scores is None:
        return found
    chance = _probabilities(scores, y)
    ranking = Ranking(y, chance)
    return found | {
        "auc": ranking.auc,
        "average_precision": ranking.average_precision,
        "log_loss": _share(losses("binary", y, chance), ones),
        "ece": _calibration_error(chance, y),
    }


def _multiclass(
    truth: FloatArray, predicted: FloatArray, scores: ArrayLike | None
) -> dict[str, Metric]:
    table = None if scores is None else _probability_table(scores, truth)
    k = int(max(truth.max(), predicted.max())) + 1 if table is None else table.shape[1]
    y, guess = _classes(truth, k, "y_true"), _classes(predicted, k, "prediction")
    ones, wanted, given = np.ones(len(y)), np.eye(k)[y], np.eye(k)[guess]
    found = {
        "accuracy": _share(y == guess, ones),
        "precision": _macro(wanted, given, given),
        "recall": _macro(wanted, given, wanted),
        "f1": _macro(wanted, given, (wanted + given) / 2),
    }
    if table is None:
        return found
    rankings = [Ranking(wanted[:, label], table[:, label]) for label in range(k)]
    return found | {
        "auc": lambda weights: _mean_of_defined([ranking.auc(weights) for ranking in rankings]),
        "log_loss": _share(losses("multiclass", y, table), ones),
        "ece": _calibration_error(table.max(axis=1), table.argmax(axis=1) == y),
    }


def _regression(y: FloatArray, predicted: FloatArray) -> dict[str, Metric]:
    ones, error = np.ones(len(y)), y - predicted
    mean_square = _share(error**2, ones)
    centred = y - y.mean()

    def r2(weights: FloatArray) -> FloatArray:
        square = weights @ centred**2
        spread = square - ratio((weights @ centred) ** 2, weights.sum(axis=1))
        spread[spread < 1e-12 * square] = 0.0
        return np.asarray(1 - ratio(weights @ error**2, spread))

    return {
        "mae": _share(np.abs(error), ones),
        "rmse": lambda weights: np.sqrt(mean_square(weights)),
        "r2": r2,
    }


def _share(part: ArrayLike, whole: ArrayLike) -> Metric:
    top, bottom = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    # Not by @: for so little BLAS would wait for its threads, which costs most on a busy machine.
    return lambda weights: ratio(np.vecdot(weights, top), np.vecdot(weights, bottom))


def _macro(wanted: FloatArray, given: FloatArray, whole: FloatArray) -> Metric:
    def mean(weights: FloatArray) -> FloatArray:
        occurs = weights @ (wanted + given) > 0
        shares = np.nan_to_num(ratio(weights @ (wanted * given), weights @ whole))
        return ratio((shares * occurs).sum(axis=1), occurs.sum(axis=1))

    return mean


def _mean_of_defined(values: list[FloatArray]) -> FloatArray:
    table = np.stack(values)
    return ratio(np.nansum(table, axis=0), np.isfinite(table).sum(axis=0))


def _calibration_error(chance: FloatArray, outcome: ArrayLike) -> Metric:
    bins = np.eye(_BINS)[np.minimum((chance * _BINS).astype(np.int64), _BINS - 1)]
    gaps = np.ascontiguousarray((bins * (np.asarray(outcome, np.float64) - chance)[:, None]).T)
    return lambda weights: ratio(
        np.abs(np.vecdot(weights[:, None, :], gaps)).sum(axis=1), weights.sum(axis=1)
    )


def _log_loss(chance: FloatArray) -> FloatArray:
    return -np.log(np.clip(chance, _CLIP, 1 - _CLIP))


def _classes(values: FloatArray | IntArray, k: int, name: str) -> IntArray:
    classes = values.astype(np.int64)
    if (classes != values).any() or classes.min() < 0 or classes.max() >= k:
        raise ValueError(f"{name} must be class indices 0..{k - 1}.")
    return classes


def _probabilities(scores: ArrayLike, y: FloatArray | IntArray) -> FloatArray:
    chance = floats(scores, "scores")
    same_length(y_true=y, scores=chance)
    if chance.min() < 0 or chance.max() > 1:
        raise ValueError("scores must be probabilities between 0 and 1.")
    return chance


def _probability_table(scores: ArrayLike, y: FloatArray | IntArray) -> FloatArray:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"scores of several classes must have shape (n, k), got {table.shape}.")
    same_length(y_true=y, scores=table)
    if np.isnan(table).any() or table.min() < 0 or table.max() > 1:
        raise ValueError("scores must be probabilities between 0 and 1.")
    return table
