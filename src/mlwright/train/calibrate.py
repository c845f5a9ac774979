"""The calibration of probabilities, fitted on out-of-fold scores."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.calibration import Calibration, Line
from mlwright.core.errors import ConfigError
from mlwright.core.signature import Task
from mlwright.stats.arrays import FloatArray
from mlwright.train.choices import Choices
from mlwright.train.threshold import check_rule

Method = Literal["sigmoid", "isotonic"]

_FLATTEST = 1e-6
_POINTS = 513
_STEPS = 100
_PARTS = 5


def check_choices(choices: Choices, task: Task) -> None:
    """Refuse a calibration or a threshold that the task cannot have, before anything is fitted.

    Raises:
        ConfigError: says what is allowed.
    """
    if choices.calibration != "none" and task == "regression":
        raise ConfigError(
            f"model.calibration: {choices.calibration}: the target is a number, and only "
            "probabilities are calibrated",
            hint="leave model.calibration out, or predict a class",
        )
    check_rule(choices.threshold, task)


def calibrate(
    method: Method, target: NDArray[Any], scores: FloatArray, *, weights: FloatArray | None
) -> Calibration:
    """Fit a calibration on scores of rows that the model had not seen.

    Several classes are calibrated one against the rest (Zadrozny and Elkan 2002). No probability
    comes nearer to 0 or 1 than the rows can tell: Platt's targets bound both methods.

    Args:
        method: `sigmoid`, a logistic curve of the score's logit (Platt 1999), kept as points; or
            `isotonic`, the best rising line, through the centre of each of its level parts, so
            that different scores stay different (Oron and Flournoy 2017).
        target: 0/1 or the class index (n,).
        scores: probabilities (n,) or (n, classes).
        weights: how much each row counts (n,).
    """
    fit = _sigmoid if method == "sigmoid" else _isotonic
    weight = np.ones(len(target)) if weights is None else weights
    columns = [scores] if scores.ndim == 1 else list(scores.T)
    first = 1 if scores.ndim == 1 else 0
    lines = [
        fit((target == label).astype(np.float64), np.clip(column, 0.0, 1.0), weight)
        for label, column in enumerate(columns, first)
    ]
    return Calibration(method, tuple(lines))


def cross_calibrated(
    method: Method,
    target: NDArray[Any],
    scores: FloatArray,
    *,
    fold: NDArray[np.int64],
    weights: FloatArray | None,
) -> FloatArray:
    """Return each row's score, calibrated by the rows of the other folds (n,).

    These are what is to be judged: a calibration looks too good on the rows that it was fitted on.
    Where all rows are of one fold, every fifth row takes a fold's place.

    Args:
        method: as in `calibrate`, as are the target, the scores and the weights.
        target: 0/1 or the class index (n,).
        scores: probabilities (n,) or (n, classes).
        fold: the fold in which each row was scored (n,).
        weights: how much each row counts (n,).
    """
    part = fold if len(np.unique(fold)) > 1 else np.arange(len(fold)) % _PARTS
    found = np.empty_like(scores)
    for number in np.unique(part):
        held = part == number
        rest = None if weights is None else weights[~held]
        line = calibrate(method, target[~held], scores[~held], weights=rest)
        found[held] = line.apply(scores[held])
    return found


def _bounds(truth: FloatArray, weight: FloatArray) -> tuple[float, float]:
    positive = float(weight @ truth)
    return 1 / (float(weight.sum()) - positive + 2), (positive + 1) / (positive + 2)


def _sigmoid(truth: FloatArray, chance: FloatArray, weight: FloatArray) -> Line:
    low, high = _bounds(truth, weight)
    slope, shift = _logistic(_logit(chance), np.where(truth == 1, high, low), weight)
    ends = _logit(np.array([0.0, 1.0]))
    # Points at equal distances of the logit are dense where the curve bends, near 0 and 1.
    at = np.linspace(ends[0], ends[1], _POINTS)
    x = 1 / (1 + np.exp(-at))
    x[0], x[-1] = 0.0, 1.0
    return Line(x, 1 / (1 + np.exp(-(slope * at + shift))))


def _logit(chance: FloatArray) -> FloatArray:
    inside = np.clip(chance, 1e-9, 1 - 1e-9)
    return np.log(inside) - np.log1p(-inside)


def _logistic(x: FloatArray, aim: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Return slope and shift of the logistic curve, by Newton's steps, halved where too long."""
    whole = float(weight.sum())
    mean = float(weight @ aim) / whole
    found = np.array([0.0, np.log(mean / (1 - mean))])
    features = np.column_stack([x, np.ones(len(x))])

    def loss(beta: FloatArray) -> float:
        z = features @ beta
        return float(weight @ (np.logaddexp(0, z) - aim * z)) / whole

    now = loss(found)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(features @ found)))
        gradient = features.T @ (weight * (chance - aim)) / whole
        curve = (features.T * (weight * chance * (1 - chance))) @ features / whole
        step = np.linalg.solve(curve + 1e-12 * np.eye(2), gradient)
        while loss(found - step) > now and np.abs(step).max() > 1e-12:
            step = step / 2
        found, before = found - step, now
        now = loss(found)
        if before - now < 1e-14:
            break
    # A falling curve would turn good scores into bad ones; a level one keeps their order.
    return max(float(found[0]), _FLATTEST), float(found[1])


def _isotonic(truth: FloatArray, chance: FloatArray, weight: FloatArray) -> Line:
    counted = weight > 0
    x, places = np.unique(chance[counted], return_inverse=True)
    size = np.bincount(places, weight[counted]).astype(np.float64)
    height = np.bincount(places, (weight * truth)[counted]) / size
    centre, level = _rising(x, height, size)
    low, high = _bounds(truth, weight)
    level = np.clip(level, low, high)
    if len(centre) == 1:
        return Line(np.array([0.0, 1.0]), np.array([level[0], level[0]]))
    return Line(centre, level)


def _rising(x: FloatArray, y: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the centres and heights of the level parts of the best rising line.

    Neighbours that fall are pooled until none does (Ayer and others 1955).
    """
    parts: list[tuple[float, float, float]] = []
    for part in zip(x.tolist(), y.tolist(), size.tolist(), strict=True):
        centre, height, weight = part
        while parts and parts[-1][1] >= height:
            before = parts.pop()
            both = weight + before[2]
            centre = (centre * weight + before[0] * before[2]) / both
            height = (height * weight + before[1] * before[2]) / both
            weight = both
        parts.append((centre, height, weight))
    found = np.array(parts)
    return found[:, 0], found[:, 1]
