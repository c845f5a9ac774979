"""Columns that know the answer: alone, or, among numbers, by adding up to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlwright.core.signature import Task

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int64]

_BINS = 32
_ROWS = 50_000
_NEARLY_ALL: dict[Task, float] = {"binary": 0.98, "multiclass": 0.98, "regression": 0.9}
_MUCH: dict[Task, float] = {"binary": 0.85, "multiclass": 0.7, "regression": 0.7}
_OF_THE_REST = 0.5
_FEWEST_ROWS = 300
_SHRINK = 10.0
_EXACT = 1 - 1e-6


@dataclass(frozen=True, slots=True)
class Leak:
    """How well a column predicts (AUC, share of errors removed, or R²), and why that is odd."""

    score: float
    why: Literal["alone", "more_than_the_rest", "sum"]


def leaks(
    columns: Mapping[str, NDArray[Any]], target: NDArray[Any], task: Task, *, seed: int = 0
) -> dict[str, Leak]:
    """Return the columns that predict better than what is known in time usually does.

    Each column is cut into at most 32 bins (or its categories) and the target's mean a bin is
    learned on some rows and scored on others: AUC for two classes, share of the majority's error
    removed for several, R² for numbers. Three things are odd: a column that alone predicts nearly
    all; one that alone predicts much, and leaves at most half of the error of a linear model of
    all the others; numbers whose sum with fixed weights is the numeric target. At most 50,000
    rows are used.
    """
    rows = np.random.default_rng(seed).permutation(len(target))[:_ROWS]
    answer = _answers(target[rows], task)
    codes = {name: _codes(values[rows]) for name, values in columns.items()}
    alone = {name: _alone(each, answer, task) for name, each in codes.items()}
    found = {n: Leak(score, "alone") for n, score in alone.items() if score >= _NEARLY_ALL[task]}
    odd = [n for n, score in alone.items() if score >= _MUCH[task] and n not in found]
    if odd and len(rows) >= _FEWEST_ROWS:
        found |= _outshining(odd, codes, answer, task)
    return found | (_sum(columns, rows, answer[:, 0]) if task == "regression" else {})


def _answers(target: NDArray[Any], task: Task) -> FloatArray:
    """Return the target as numbers (n, 1), or as one column a class (n, k)."""
    if task == "multiclass":
        return np.eye(int(target.max()) + 1)[target.astype(np.int64)]
    return target.astype(np.float64)[:, None]


def _codes(values: NDArray[Any]) -> Codes:
    if values.dtype == object:
        known = {value: code for code, value in enumerate(dict.fromkeys(values))}
        return np.fromiter((known[value] for value in values), np.int64, len(values))
    if np.isnan(values).all():
        return np.zeros(len(values), dtype=np.int64)
    cuts = np.unique(np.nanquantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    codes = np.searchsorted(cuts, values, side="right")
    codes[np.isnan(values)] = len(cuts) + 1
    return codes.astype(np.int64)


def _alone(codes: Codes, answer: FloatArray, task: Task) -> float:
    half = len(answer) // 2
    guess = _means(codes, answer, slice(0, half), prior=1.0)[half:]
    return _score(guess, answer[half:], task)


def _means(codes: Codes, answer: FloatArray, learned: slice, *, prior: float) -> FloatArray:
    """Return each row's mean answer among the learned rows of its code (n, k)."""
    known, bins = answer[learned], int(codes.max()) + 1
    count = np.bincount(codes[learned], minlength=bins)[:, None]
    total = np.column_stack([np.bincount(codes[learned], each, minlength=bins) for each in known.T])
    return np.asarray(((total + prior * known.mean(axis=0)) / (count + prior))[codes])


def _score(guess: FloatArray, fresh: FloatArray, task: Task) -> float:
    if task == "multiclass":
        return _error_removed(guess, fresh)
    if task == "binary":
        return _auc(guess[:, 0], fresh[:, 0])
    return _r2(guess[:, 0], fresh[:, 0])


def _auc(guess: FloatArray, fresh: FloatArray) -> float:
    _, place = np.unique(guess, return_inverse=True)
    positive = np.bincount(place, fresh)
    negative = np.bincount(place, 1 - fresh)
    pairs = positive.sum() * negative.sum()
    won = np.sum(positive * (np.cumsum(negative) - negative / 2))
    return float(won / pairs) if pairs else 0.0


def _r2(guess: FloatArray, fresh: FloatArray) -> float:
    spread = np.sum((fresh - fresh.mean()) ** 2)
    return float(1 - np.sum((fresh - guess) ** 2) / spread) if spread else 0.0


def _error_removed(guess: FloatArray, fresh: FloatArray) -> float:
    right = float(np.mean(guess.argmax(axis=1) == fresh.argmax(axis=1)))
    base = float(fresh.mean(axis=0).max())
    return (right - base) / (1 - base) if base < 1 else 0.0


def _outshining(
    odd: list[str], codes: Mapping[str, Codes], answer: FloatArray, task: Task
) -> dict[str, Leak]:
    """Name those of the odd columns that leave at most half of the error of all the others.

    The first third of the rows gives every column's bins their means, the second third a linear
    model of these means, the last third judges.
    """
    third = len(answer) // 3
    learn, judged = slice(0, third), slice(2 * third, None)
    means = {n: _means(each, answer, learn, prior=_SHRINK) for n, each in codes.items()}
    found = {}
    for name in odd:
        alone = _score(means[name][judged], answer[judged], task)
        others = [values for other, values in means.items() if other != name]
        rest = _score(_fitted(others, answer, third), answer[judged], task) if others else 0.0
        if others and 1 - alone <= _OF_THE_REST * (1 - rest):
            found[name] = Leak(alone, "more_than_the_rest")
    return found


def _fitted(features: list[FloatArray], answer: FloatArray, third: int) -> FloatArray:
    """Fit a ridge on the second third of the rows, and return its guesses for the last one."""
    matrix = np.column_stack(features)
    fit = slice(third, 2 * third)
    centre, middle = matrix[fit].mean(axis=0), answer[fit].mean(axis=0)
    known = matrix[fit] - centre
    gram = known.T @ known
    ridge = 1e-3 * max(float(np.trace(gram)) / len(gram), 1e-12)
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), known.T @ (answer[fit] - middle))
    return np.asarray((matrix[2 * third :] - centre) @ weights + middle)


def _sum(
    columns: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], answer: FloatArray
) -> dict[str, Leak]:
    """Name the numeric columns that add up, with fixed weights, to the target."""
    numeric = {
        name: values[rows]
        for name, values in columns.items()
        if values.dtype != object and not np.isnan(values).any() and np.ptp(values[rows]) > 0
    }
    if not numeric or len(rows) < 2 * len(numeric) + 10:
        return {}
    matrix = np.column_stack(list(numeric.values()))
    matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    centred = answer - answer.mean()
    weights, *_ = np.linalg.lstsq(matrix, centred, rcond=None)
    explained = 1 - float(np.sum((centred - matrix @ weights) ** 2) / np.sum(centred**2))
    if explained < _EXACT:
        return {}
    part = np.abs(weights) / centred.std()
    return {
        name: Leak(explained, "sum")
        for name, share in zip(numeric, part, strict=True)
        if share > 0.01
    }
