"""Fit single steps of a plan: categories, their order and means, and the words of texts."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.steps import Category, TargetStep, TfidfStep, as_categories, terms_of
from mlwright.core.signature import Signature

FloatArray = NDArray[np.float64]

MOST_ONE_HOT = 100
MOST_TARGET = 10_000
_PRIOR_ROWS = 10.0
_FOLDS = 5
_FEWEST_TEXTS = 2
_MOST_COUNTED = 2_000_000
_MOST_CELLS = 60_000_000  # half a gigabyte, so that a copy still fits into one


def directions(target: NDArray[Any], signature: Signature) -> FloatArray:
    """Return what a category's rows are averaged over: the target, or one column a class."""
    if signature.task == "multiclass":
        return np.eye(len(signature.classes))[target.astype(np.int64)]
    return target.astype(np.float64)[:, None]


def frequent(values: NDArray[Any], most: int = MOST_ONE_HOT) -> tuple[Category | None, ...]:
    """Return the most frequent categories, null among them, the first first."""
    counts = Counter(as_categories(values))
    ranked = sorted(counts, key=lambda v: (-counts[v], v is not None, "" if v is None else v))
    return tuple(ranked[:most])


def ordered(values: NDArray[Any], towards: FloatArray | None) -> tuple[str, ...]:
    """Return the categories in the order of their means, or of their names without a target."""
    names = sorted({value for value in values.tolist() if value is not None})
    if towards is None:
        return tuple(names)
    places = {name: place for place, name in enumerate(names)}
    known = np.array([value is not None for value in values.tolist()])
    codes = np.array([places[value] for value in values[known].tolist()], dtype=np.int64)
    means = _category_means(codes, towards[known], len(names))
    line = _first_component(means, np.bincount(codes, minlength=len(names)))
    return tuple(names[place] for place in np.argsort(line, kind="stable"))


def by_target(name: str, values: NDArray[Any], towards: FloatArray) -> TargetStep:
    """Return the step that gives each category its mean, drawn to the overall mean."""
    categories = frequent(values, MOST_TARGET)
    codes, known = _codes(values, categories)
    means = _category_means(codes[known], towards[known], len(categories), towards.mean(axis=0))
    rows = tuple(tuple(row) for row in means.tolist())
    return TargetStep(name, categories, rows, tuple(towards.mean(axis=0).tolist()))


def unseen_means(step: TargetStep, values: NDArray[Any], towards: FloatArray) -> FloatArray:
    """Return each row's features (n, outputs) by means that do not hold its own target.

    Means of all rows would tell a model the answer of rows whose category is rare, so they are
    taken over the other four fifths of the rows, as they will be of rows to come.
    """
    codes, known = _codes(values, step.categories)
    fold = np.random.default_rng(0).permutation(len(values)) % _FOLDS
    out = np.empty((len(values), towards.shape[1]))
    for number in range(_FOLDS):
        scored, rest = fold == number, (fold != number) & known
        overall = towards[fold != number].mean(axis=0)
        means = _category_means(codes[rest], towards[rest], len(step.categories), overall)
        out[scored] = np.where(known[scored, None], means[codes[scored]], overall)
    return out


def words(name: str, values: NDArray[Any], most: int) -> TfidfStep:
    """Return the step of the terms that stand in most texts, in at least two if any does.

    There are at most `most` of them, and fewer where a matrix of all rows would grow too large.
    """
    counts: Counter[str] = Counter()
    for text in values.tolist():
        counts.update(set(terms_of(text)))
        if len(counts) > _MOST_COUNTED:
            counts = Counter({term: count for term, count in counts.items() if count > 1})
    ranked = sorted(counts, key=lambda term: (-counts[term], term))
    repeated = [term for term in ranked if counts[term] >= _FEWEST_TEXTS]
    rows = len(values)
    terms = tuple((repeated or ranked)[: min(most, _MOST_CELLS // max(rows, 1))])
    idf = tuple(math.log((1 + rows) / (1 + counts[term])) + 1 for term in terms)
    return TfidfStep(name, terms, idf)


def _codes(
    values: NDArray[Any], categories: tuple[Category | None, ...]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return each row's place in the list, 0 where it is not listed, and where it is."""
    places = {category: place for place, category in enumerate(categories)}
    found = np.array([places.get(value, -1) for value in as_categories(values)], np.int64)
    return np.maximum(found, 0), found >= 0


def _category_means(
    codes: NDArray[np.int64], towards: FloatArray, k: int, overall: FloatArray | None = None
) -> FloatArray:
    """Return the mean a category, drawn to the overall mean as if by ten rows of it."""
    middle = towards.mean(axis=0) if overall is None else overall
    count = np.bincount(codes, minlength=k)[:, None]
    total = np.column_stack([np.bincount(codes, column, minlength=k) for column in towards.T])
    return np.asarray((total + _PRIOR_ROWS * middle) / (count + _PRIOR_ROWS))


def _first_component(means: FloatArray, counts: NDArray[np.int64]) -> FloatArray:
    """Return the categories on their main axis (Coppersmith, Hong and Hosking 1999)."""
    if means.shape[1] == 1:
        return means[:, 0]
    centred = means - np.average(means, axis=0, weights=counts)
    _, _, axes = np.linalg.svd(centred * np.sqrt(counts)[:, None], full_matrices=False)
    axis = axes[0] * np.sign(axes[0][np.abs(axes[0]).argmax()])
    return np.asarray(centred @ axis).round(12)
