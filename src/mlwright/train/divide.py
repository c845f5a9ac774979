"""Ways to divide training rows for a search: which rows fit, and which are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlwright.core.errors import ConfigError, DataError
from mlwright.stats.metrics import measure
from mlwright.train.folds import Sample
from mlwright.train.frameworks import Problem

How = Literal["auto", "kfold", "stratified", "group", "time"]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """How the rows were divided, and for each fold the rows that fit and those that are scored."""

    how: str
    folds: tuple[tuple[Indices, Indices], ...]


def divide(sample: Sample, problem: Problem, *, how: How, folds: int) -> Division:
    """Divide the rows of a sample (n,) into folds.

    auto: time where rows are dated, else by group where groups are given, else stratified by
    class, else at random. time: `folds` + 1 blocks in time; each but the first is scored by a
    model of the blocks before it, so that no row is predicted from its future. group: no group is
    on both sides.

    Raises:
        ConfigError: the way needs dates, groups or classes that are not there.
        DataError: there are too few rows, groups or dates.
    """
    chosen = _auto(sample, problem) if how == "auto" else how
    n = len(sample.target)
    if n < 2 * (folds + 1):
        raise DataError(f"{n} rows are too few for {folds} folds", hint="give more rows")
    if chosen == "time":
        return Division(chosen, _blocks(sample, folds))
    fold = _ASSIGN[chosen](sample, problem, folds)
    every = np.arange(n)
    return Division(chosen, tuple((every[fold != k], every[fold == k]) for k in range(folds)))


def _auto(sample: Sample, problem: Problem) -> str:
    if sample.order is not None:
        return "time"
    if sample.groups is not None and len(np.unique(sample.groups)) < len(sample.groups):
        return "group"
    return "stratified" if problem.classes else "kfold"


def _blocks(sample: Sample, folds: int) -> tuple[tuple[Indices, Indices], ...]:
    if sample.order is None:
        raise ConfigError(
            "cv by time needs a column of dates, and none was found",
            hint="use --cv stratified or kfold, or give the table a date column",
        )
    block = sample.order * (folds + 1) // len(sample.order)
    return tuple(
        (np.flatnonzero(block < number), np.flatnonzero(block == number))
        for number in range(1, folds + 1)
    )


def _at_random(sample: Sample, problem: Problem, folds: int) -> Indices:
    rng = np.random.default_rng(problem.seed)
    fold = np.arange(len(sample.target)) % folds
    return np.asarray(rng.permutation(fold))


def _stratified(sample: Sample, problem: Problem, folds: int) -> Indices:
    if not problem.classes:
        raise ConfigError(
            "cv stratified needs classes, and the target is a number",
            hint="use --cv kfold",
        )
    rng = np.random.default_rng(problem.seed)
    fold = np.empty(len(sample.target), dtype=np.int64)
    start = 0
    for label in range(problem.classes):
        rows = rng.permutation(np.flatnonzero(sample.target == label))
        fold[rows] = (np.arange(len(rows)) + start) % folds
        start += len(rows)
    return fold


def _by_group(sample: Sample, problem: Problem, folds: int) -> Indices:
    """Give whole groups to folds, the largest first, each to the fold with the fewest rows."""
    groups = sample.groups
    if groups is None:
        raise ConfigError(
            "cv by group needs groups, and none are named",
            hint="name their column in mlwright.yaml: model: {split: group:COLUMN}",
        )
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < folds:
        raise DataError(
            f"{len(sizes)} groups are too few for {folds} folds", hint="use fewer folds"
        )
    order = np.random.default_rng(problem.seed).permutation(len(sizes))
    load, place = np.zeros(folds), np.empty(len(sizes), dtype=np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        place[group] = load.argmin()
        load[place[group]] += sizes[group]
    return np.asarray(place[member])


def check_classes(found: Division, sample: Sample, problem: Problem, *, metric: str) -> None:
    """Refuse folds that are fitted on one class, or on which the metric cannot exist.

    Raises:
        DataError: says which fold, and how else to divide.
    """
    if not problem.classes:
        return
    for number, (fits, scored) in enumerate(found.folds, 1):
        fold = f"fold {number} of {len(found.folds)} (cv {found.how})"
        if len(np.unique(sample.target[fits])) < 2:
            raise DataError(
                f"{fold} is fitted on rows of one class only", hint=f"use {_INSTEAD[found.how]}"
            )
        # What not even a perfect model has there does not exist.
        truth = sample.target[scored].astype(np.int64)
        perfect = truth if problem.task == "binary" else np.eye(problem.classes)[truth]
        if metric not in measure(problem.task, truth, truth, perfect):
            raise DataError(
                f"{metric} does not exist on {fold}: the rows that it scores are of one class only",
                hint=f"use another --optimization-metric, {_INSTEAD[found.how]}",
            )


_INSTEAD = {
    "kfold": "--cv stratified, or fewer --cv-folds",
    "stratified": "fewer --cv-folds, or more rows of the rare class",
    "group": "fewer --cv-folds, or more groups",
    "time": "fewer --cv-folds, or rows of a longer time",
}
_ASSIGN = {"kfold": _at_random, "stratified": _stratified, "group": _by_group}
