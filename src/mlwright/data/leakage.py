"""Columns that know the answer: alone, or, among numbers, by adding up to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.core.signature import Task

FloatArray = NDArray[np.float64]

_BINS = 32
_ROWS = 50_000
_LIMITS: dict[Task, float] = {"binary": 0.98, "multiclass": 0.98, "regression": 0.9}
_EXACT = 1 - 1e-6


def leaks(
    columns: Mapping[str, NDArray[Any]], target: NDArray[Any], task: Task, *, seed: int = 0
) -> dict[str, float]:
    """Return the columns that alone predict nearly all, with how well they do it.

    Each column is cut into at most 32 bins (or its categories), the target's mean a bin is
    learned on one half of the rows and scored on the other: AUC for two classes, share of the
    majority's error removed for several, R² for numbers. Numeric columns whose sum with fixed
    weights is the numeric target are named too, with that fit's R². At most 50,000 rows are used.
    """
    rows = np.random.default_rng(seed).permutation(len(target))[:_ROWS]
    answer = target[rows]
    found = {}
    for name, values in columns.items():
        score = _alone(_codes(values[rows]), answer, task)
        if score >= _LIMITS[task]:
            found[name] = score
    return found | (_sum(columns, rows, answer) if task == "regression" else {})


def _codes(values: NDArray[Any]) -> NDArray[np.int64]:
    if values.dtype == object:
        known = {value: code for code, value in enumerate(dict.fromkeys(values))}
        return np.fromiter((known[value] for value in values), np.int64, len(values))
    cuts = np.unique(np.nanquantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    codes = np.searchsorted(cuts, values, side="right")
    codes[np.isnan(values)] = len(cuts) + 1
    return codes.astype(np.int64)


def _alone(codes: NDArray[np.int64], answer: NDArray[Any], task: Task) -> float:
    half = len(answer) // 2
    if task == "multiclass":
        return _error_removed(codes, answer.astype(np.int64), half)
    learned, fresh = answer[:half].astype(np.float64), answer[half:].astype(np.float64)
    count = np.bincount(codes[:half], minlength=codes.max() + 1)
    total = np.bincount(codes[:half], learned, minlength=codes.max() + 1)
    guess = ((total + learned.mean()) / (count + 1))[codes[half:]]
    return _auc(guess, fresh) if task == "binary" else _r2(guess, fresh)


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


def _error_removed(codes: NDArray[np.int64], answer: NDArray[np.int64], half: int) -> float:
    table = np.zeros((codes.max() + 1, answer.max() + 1))
    np.add.at(table, (codes[:half], answer[:half]), 1.0)
    table += np.bincount(answer[:half], minlength=table.shape[1]) / max(half, 1)
    right = float(np.mean(table.argmax(axis=1)[codes[half:]] == answer[half:]))
    base = float(np.bincount(answer[half:]).max()) / max(len(answer) - half, 1)
    return (right - base) / (1 - base) if base < 1 else 0.0


def _sum(
    columns: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], answer: FloatArray
) -> dict[str, float]:
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
    return {name: explained for name, share in zip(numeric, part, strict=True) if share > 0.01}
