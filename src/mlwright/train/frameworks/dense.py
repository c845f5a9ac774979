"""What networks of dense layers have in common, whichever library fits them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.runtimes.network import LIMIT, Network
from mlwright.bundle.sources import ExportedSource, Link, NetworkSource
from mlwright.core.errors import ConfigError
from mlwright.train.frameworks import (
    FloatArray,
    Params,
    Problem,
    Rows,
    checked_params,
    cut_rounds,
)
from mlwright.train.frameworks.progress import Progress
from mlwright.train.frameworks.shuffling import moved

W = TypeVar("W")

Limits = tuple[tuple[str, Callable[[Any], bool], str], ...]

LINKS: dict[str, Link] = {
    "binary": "logistic",
    "multiclass": "softmax",
    "regression": "identity",
}
ALIASES = {"epochs": "rounds", "batch_size": "batch"}
_KNOWN: dict[str, type] = {
    "hidden": int,
    "layers": int,
    "dropout": float,
    "learning_rate": float,
    "weight_decay": float,
    "batch": int,
    "rounds": int,
    "early_stopping_rounds": int,
}
_DEFAULTS: Params = {
    "hidden": 128,
    "layers": 2,
    "dropout": 0.2,
    "learning_rate": 0.001,
    "weight_decay": 0.01,
    "batch": 256,
    "rounds": 200,
    "early_stopping_rounds": 12,
}
_LIMITS: Limits = (
    ("hidden", lambda v: v >= 1, "1 or more"),
    ("layers", lambda v: v >= 1, "1 or more"),
    ("batch", lambda v: v >= 1, "1 or more"),
    ("dropout", lambda v: 0 <= v < 1, "at least 0 and below 1"),
    ("learning_rate", lambda v: v > 0, "above 0"),
    ("weight_decay", lambda v: v >= 0, "0 or more"),
)
_STEPS_AN_EPOCH = 16


@dataclass(frozen=True, slots=True, eq=False)
class FittedDense:
    """The fitted layers, which numpy runs, and how many epochs they took.

    `exported` is the same with the library's own model, where the two are to be compared.
    """

    layers: NetworkSource
    few: FloatArray
    rounds: int
    cut: str = ""
    exported: ExportedSource | None = None

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""
        return Network(self.layers).scores(matrix)

    def importance(self) -> FloatArray:
        """Return how far scores move when a feature is shuffled."""
        return moved(self.scores, self.few)

    def source(self) -> NetworkSource | ExportedSource:
        """Return the dense layers."""
        return self.exported or self.layers


@dataclass(frozen=True, slots=True, eq=False)
class Kept(Generic[W]):
    """The weights of the best epoch, or of the last where nothing was to choose by."""

    weights: W
    rounds: int
    cut: str


def fit_epochs(
    problem: Problem,
    params: Params,
    rounds: int | None,
    *,
    algorithm: str,
    epoch: Callable[[], None],
    loss: Callable[[], float] | None,
    weights: Callable[[], W],
) -> Kept[W]:
    """Run epochs until the loss of rows kept apart no longer falls, or `rounds` of them."""
    most = rounds or int(params["rounds"])
    progress = Progress(problem.say, algorithm, most)
    best, lowest, done, kept = 0, np.inf, 0, weights()
    for done in range(1, most + 1):
        epoch()
        found = lowest if loss is None else loss()
        if loss is None or found < lowest:
            best, lowest, kept = done, found, weights()
        if problem.late() or done - best >= params["early_stopping_rounds"]:
            break
        progress.step(done)
    return Kept(kept, max(best, 1), cut_rounds(problem, done, most))


def dense_params(given: Mapping[str, Any], *, algorithm: str, rows: int) -> Params:
    """Return the network's shape and how it is fitted; `rounds` is the most epochs.

    Raises:
        ConfigError: an unknown parameter, or a value that it cannot take.
    """
    # Several steps an epoch, or a small table is hardly learned from.
    batch = int(min(_DEFAULTS["batch"], max(rows // _STEPS_AN_EPOCH, 16)))
    found = checked_params(
        given, {**_DEFAULTS, "batch": batch}, known=_KNOWN, algorithm=algorithm, aliases=ALIASES
    )
    check_limits(found, _LIMITS, algorithm=algorithm, defaults=_DEFAULTS)
    return found


def check_limits(found: Params, limits: Limits, *, algorithm: str, defaults: Params) -> None:
    """Refuse a number that lies outside its limits.

    Raises:
        ConfigError: says which, and what it may be.
    """
    for name, holds, words in limits:
        if not holds(found[name]):
            raise ConfigError(
                f"{algorithm}'s parameter {name!r} is {words}, got {found[name]}",
                hint=f"its default is {defaults[name]!r}",
            )


def scaling(problem: Problem, train: Rows) -> tuple[float, float]:
    """Return centre and spread of a regression's target: a network learns numbers of size one."""
    if problem.task != "regression":
        return 0.0, 1.0
    center = float(np.average(train.target, weights=train.weights))
    return center, float(train.target.std()) or 1.0


class Scale:
    """What a network is given: numbers of size one, in single precision.

    `center` and `spread` are those of a regression's target.
    """

    def __init__(self, problem: Problem, train: Rows) -> None:
        self._many = problem.task == "multiclass"
        self.center, self.spread = scaling(problem, train)

    def arrays(self, rows: Rows) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float32]]:
        """Return features, target and weights as a network takes them."""
        target: NDArray[Any] = rows.target
        if not self._many:
            target = ((target - self.center) / self.spread).astype(np.float32)
        return clipped(rows.matrix), np.ascontiguousarray(target), even(rows)

    def back(
        self, layers: list[tuple[FloatArray, FloatArray]]
    ) -> list[tuple[FloatArray, FloatArray]]:
        """Return layers of which the last gives the target as it was."""
        last, bias = layers[-1]
        return [*layers[:-1], (last * self.spread, bias * self.spread + self.center)]


def clipped(matrix: FloatArray) -> NDArray[np.float32]:
    """Return features (n, features) within what a network is run with."""
    return np.clip(matrix, -LIMIT, LIMIT).astype(np.float32)


def weighing(rows: Rows) -> Rows:
    """Return the rows that weigh anything."""
    return rows if rows.weights is None else rows.take(rows.weights > 0)


def even(rows: Rows) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the weights of rows, (n,), 1 on average."""
    weights = np.ones(len(rows.target)) if rows.weights is None else rows.weights
    return np.asarray(weights / (weights.mean() or 1.0), np.float32)
