"""Ways to fit a model on a matrix, each behind the same protocol and found by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.sources import Source
from mlwright.core.backends import Backend, Backends
from mlwright.core.errors import ConfigError, did_you_mean
from mlwright.core.signature import Task
from mlwright.train.features import Style

FloatArray = NDArray[np.float64]
Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is learned: the task, the number of classes (0 for regression), and the seed."""

    task: Task
    classes: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Encoded rows: matrix (n, features), target (n,), and weights (n,) or None for equal ones.

    The target is 0/1 or the class index for classes, else the value.
    """

    matrix: FloatArray
    target: NDArray[Any]
    weights: FloatArray | None = None

    def take(self, rows: NDArray[Any]) -> Rows:
        """Return a part of the rows, chosen by a mask or by indices."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.matrix[rows], self.target[rows], weights)


class Fitted(Protocol):
    """A fitted model."""

    @property
    def rounds(self) -> int | None:
        """Return how many rounds it took, where its framework counts rounds."""

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""

    def importance(self) -> FloatArray:
        """Return how much each feature adds (features,), not negative, in any unit."""

    def source(self) -> Source:
        """Return the model as data that a bundle is compiled from."""


class Framework(Protocol):
    """One way to fit."""

    @property
    def style(self) -> Style:
        """Return the encoding that it takes."""

    @property
    def early_stops(self) -> bool:
        """Tell whether `fit` uses `valid` to decide how many rounds to run."""

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return the given parameters over the defaults for this problem and this many rows.

        Raises:
            ConfigError: an unknown parameter, or a value that it cannot take.
        """

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> Fitted:
        """Fit on `train`; stop early on `valid`, or run exactly `rounds`. Equal input, equal model.

        Raises:
            ConfigError: the library refuses a parameter's value.
        """


FRAMEWORKS = Backends[Framework](
    "algorithm",
    "mlwright.frameworks",
    {
        "dummy": Backend("mlwright.train.frameworks.dummy:FRAMEWORK"),
        "lightgbm": Backend("mlwright.train.frameworks.lightgbm:FRAMEWORK", "train"),
        "linear": Backend("mlwright.train.frameworks.linear:FRAMEWORK", "train"),
    },
)


def checked_params(
    given: Mapping[str, Any], defaults: Params, *, known: Mapping[str, type], algorithm: str
) -> Params:
    """Return `given` over `defaults`, when every name is known and every value of its type.

    Raises:
        ConfigError: it is not; the message has the nearest name or the type wanted.
    """
    for name, value in given.items():
        if name not in known:
            raise ConfigError(
                f"{algorithm} has no parameter {name!r}{did_you_mean(name, known)}",
                hint=f"it takes: {', '.join(sorted(known)) or 'none'}",
            )
        wanted = known[name]
        fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise ConfigError(
                f"{algorithm}'s parameter {name!r} takes {_TYPE_WORDS[wanted]}",
                hint=f"its default is {defaults[name]!r}" if name in defaults else "",
            )
    return {**defaults, **given}


_TYPE_WORDS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false"}
