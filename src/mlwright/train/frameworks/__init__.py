"""Ways to fit a model on a matrix, each behind the same protocol and found by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.sources import Source
from mlwright.core.backends import Backend, Backends, require
from mlwright.core.errors import ConfigError, did_you_mean
from mlwright.core.signature import Task
from mlwright.train.features import Style

FloatArray = NDArray[np.float64]
Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is learned, and within which limits.

    Attributes:
        task: what kind of target it is.
        classes: how many; 0 for regression.
        seed: decides all chance.
        device: where a network is fitted: `auto`, `cpu` or `cuda`.
        deadline: `time.monotonic()` at which fitting must end, with what there is by then.
        base: the folder of the model that a fine-tuning starts from.
        say: takes a line of progress now and then, where a fit takes long.
    """

    task: Task
    classes: int
    seed: int
    device: str = "auto"
    deadline: float | None = None
    base: str | None = None
    say: Callable[[str], None] = field(default=lambda _: None, compare=False, repr=False)

    def late(self) -> bool:
        """Tell whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Encoded rows: matrix (n, features), target (n,), and weights (n,) or None for equal ones.

    The target is 0/1 or the class index for classes, else the value. `made` keeps what a framework
    has built of them (binned rows), so that a search that fits on them again need not.

    Attributes:
        groups: ranges of features that are one thing, (first, after the last): the categories of
            a column, of which one is 1, or the tokens of a text.
        monotone: for each feature 1 where the score may only rise with it, -1 where it may only
            fall, 0 elsewhere; empty where nothing is asked.
    """

    matrix: FloatArray
    target: NDArray[Any]
    weights: FloatArray | None = None
    groups: tuple[tuple[int, int], ...] = ()
    monotone: tuple[int, ...] = ()
    made: dict[Any, Any] = field(default_factory=dict, repr=False)

    def take(self, rows: NDArray[Any]) -> Rows:
        """Return a part of the rows, chosen by a mask or by indices."""
        weights = None if self.weights is None else self.weights[rows]
        return replace(
            self, matrix=self.matrix[rows], target=self.target[rows], weights=weights, made={}
        )


class Fitted(Protocol):
    """A fitted model."""

    @property
    def rounds(self) -> int | None:
        """Return how many rounds it took, where its framework counts rounds."""

    @property
    def cut(self) -> str:
        """Return what the deadline left out, in words, or "" when nothing."""

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

    @property
    def monotone(self) -> bool:
        """Tell whether it keeps to `Rows.monotone`."""

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

        At `problem.deadline` it ends, with what there is by then.

        Raises:
            ConfigError: the library refuses a parameter's value.
        """


class Frameworks(Backends[Framework]):
    """Frameworks by name, and scikit-learn's estimators by import path."""

    def load(self, name: str) -> Framework:
        """Import and return the framework of this name, or of `sklearn.module.Estimator`.

        Raises:
            UnknownBackend: there is no such framework, or no such estimator.
            MissingExtra: its package is not installed.
        """
        if not name.startswith("sklearn."):
            return super().load(name)
        require("sklearn", extra="train", needed_by=f"algorithm {name!r}")
        from mlwright.train.frameworks.estimator import by_path

        return by_path(name)


FRAMEWORKS = Frameworks(
    "algorithm",
    "mlwright.frameworks",
    {
        "dummy": Backend("mlwright.train.frameworks.dummy:FRAMEWORK"),
        "hist_gradient_boosting": Backend(
            "mlwright.train.frameworks.hist_gradient_boosting:FRAMEWORK", "train"
        ),
        "keras": Backend("mlwright.train.frameworks.keras:FRAMEWORK", "keras"),
        "lightgbm": Backend("mlwright.train.frameworks.lightgbm:FRAMEWORK", "train"),
        "linear": Backend("mlwright.train.frameworks.linear:FRAMEWORK", "train"),
        "neural_network": Backend("mlwright.train.frameworks.neural_network:FRAMEWORK", "torch"),
        "random_forest": Backend("mlwright.train.frameworks.random_forest:FRAMEWORK", "train"),
        "transformer": Backend("mlwright.train.frameworks.transformer:FRAMEWORK", "transformer"),
        "xgboost": Backend("mlwright.train.frameworks.xgboost:FRAMEWORK", "xgboost"),
    },
)


def checked_params(
    given: Mapping[str, Any],
    defaults: Params,
    *,
    known: Mapping[str, type],
    algorithm: str,
    aliases: Mapping[str, str] | None = None,
) -> Params:
    """Return `given` over `defaults`, when every name is known and every value of its type.

    An alias stands for the name that it maps to.

    Raises:
        ConfigError: it is not; the message has the nearest name or the type wanted.
    """
    aliases = aliases or {}
    found: Params = {}
    for name, value in given.items():
        own = aliases.get(name, name)
        if own not in known:
            raise ConfigError(
                f"{algorithm} has no parameter {name!r}{did_you_mean(name, [*known, *aliases])}",
                hint=f"it takes: {', '.join(sorted(known)) or 'none'}",
            )
        if own in found:
            raise ConfigError(
                f"{algorithm}'s parameter {own!r} is given twice, also as {name!r}",
                hint="give one of the two",
            )
        wanted = known[own]
        default = (
            f"its default is {defaults[own]!r}" if own in defaults else "give one, or leave it out"
        )
        fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise ConfigError(
                f"{algorithm}'s parameter {name!r} takes {_TYPE_WORDS[wanted]}", hint=default
            )
        if own in _AT_LEAST_ONE and value < 1:
            raise ConfigError(
                f"{algorithm}'s parameter {name!r} is 1 or more, got {value}", hint=default
            )
        found[own] = value
    return {**defaults, **found}


_AT_LEAST_ONE = {"rounds", "early_stopping_rounds", "n_estimators"}
_TYPE_WORDS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
}


def refused(algorithm: str, why: Exception | str) -> ConfigError:
    """Return the error of a library that does not take a parameter's value."""
    first = str(why).partition("\n")[0]
    return ConfigError(
        f"{algorithm} refused to fit: {first}", hint="check the values given in params"
    )


def cut_rounds(problem: Problem, done: int, most: int) -> str:
    """Say how many rounds the deadline allowed, or "" when it did not matter.

    >>> cut_rounds(Problem("binary", 2, 0, deadline=0.0), 7, 100)
    'stopped after 7 of at most 100 rounds'
    """
    late = done < most and problem.late()
    return f"stopped after {done} of at most {most} rounds" if late else ""
