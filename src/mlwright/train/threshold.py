"""The threshold of a binary model: chosen out of fold, and doubted where it decides nothing."""

from __future__ import annotations

import re
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mlwright.core.errors import ConfigError, did_you_mean
from mlwright.core.signature import Task
from mlwright.stats.arrays import FloatArray
from mlwright.stats.threshold import ThresholdMetric, best_threshold, cheapest_threshold

_METRICS = get_args(ThresholdMetric)
_COST = re.compile(r"cost:fp=([0-9.eE+-]+),fn=([0-9.eE+-]+)")
_FEW = 0.01


def check_rule(rule: str, task: Task) -> None:
    """Refuse a rule that the task cannot have.

    Raises:
        ConfigError: says what is allowed.
    """
    if rule != "f1" and task != "binary":
        raise ConfigError(
            f"model.threshold: {rule}: only a model of two classes has a threshold, this task is "
            f"{task}",
            hint="leave model.threshold out",
        )
    if rule not in _METRICS and _costs(rule) is None and _number(rule) is None:
        raise ConfigError(
            f"model.threshold: {rule!r} is no rule for a threshold{did_you_mean(rule, _METRICS)}",
            hint=f"give one of {', '.join(_METRICS)}, a cost such as cost:fp=1,fn=5, or a number "
            "between 0 and 1",
        )


def choose_threshold(
    rule: str, target: NDArray[Any], scores: FloatArray, *, weights: FloatArray | None
) -> float:
    """Return the threshold of a binary model that a checked rule asks for.

    Args:
        rule: a metric that is to be highest, what the two errors cost, or the threshold itself.
        target: 0 or 1 (n,).
        scores: of rows that the model had not seen (n,).
        weights: how much each row counts (n,).

    >>> choose_threshold("cost:fp=1,fn=5", [0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9], weights=None)
    0.25
    """
    fixed, costs = _number(rule), _costs(rule)
    if fixed is not None:
        return fixed
    if costs is not None:
        return cheapest_threshold(
            target, scores, false_positive=costs[0], false_negative=costs[1], weights=weights
        )
    metric: ThresholdMetric = rule  # type: ignore[assignment]
    return best_threshold(target, scores, metric=metric, weights=weights)


def one_sided(
    threshold: float, target: NDArray[Any], scores: FloatArray, *, rule: str, label: Any
) -> str:
    """Say that a threshold puts one class' rows nearly all on the other's side, or say nothing.

    Args:
        threshold: the score from which a row is called positive.
        target: 0 or 1 (n,).
        scores: of the same rows, by models that had not seen them (n,).
        rule: what the threshold was chosen by.
        label: the positive class.

    >>> one_sided(0.1, [0, 1, 0, 1], [0.4, 0.2, 0.3, 0.5], rule="f1", label="yes")
    "the threshold 0.1 (f1) calls 4 of 4 rows out of fold 'yes', so it hardly decides anything: \
set model.threshold to a cost, such as cost:fp=1,fn=5, or give columns that tell the classes apart"
    """
    called, truth = np.asarray(scores) >= threshold, np.asarray(target) == 1
    rows, positive = len(truth), int(truth.sum())
    hits, spared = int(called[truth].sum()), int((~called[~truth]).sum())
    if hits >= _FEW * positive and spared >= _FEW * (rows - positive):
        return ""
    return (
        f"the threshold {threshold:.4g} ({rule}) calls {int(called.sum()):,} of {rows:,} "
        f"rows out of fold {str(label)!r}, so it hardly decides anything: set model.threshold to a "
        "cost, such as cost:fp=1,fn=5, or give columns that tell the classes apart"
    )


def _number(rule: str) -> float | None:
    try:
        value = float(rule)
    except ValueError:
        return None
    return value if 0 < value < 1 else None


def _costs(rule: str) -> tuple[float, float] | None:
    found = _COST.fullmatch(rule.replace(" ", ""))
    try:
        costs = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
    except ValueError:
        return None
    return costs if all(0 < cost < float("inf") for cost in costs) else None
