"""What networks of dense layers have in common, whichever library fits them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mlwright.bundle.sources import Link
from mlwright.core.errors import ConfigError
from mlwright.train.frameworks import Params, Problem, Rows, checked_params

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


def even(rows: Rows) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the weights of rows, (n,), 1 on average."""
    weights = np.ones(len(rows.target)) if rows.weights is None else rows.weights
    return np.asarray(weights / (weights.mean() or 1.0), np.float32)
