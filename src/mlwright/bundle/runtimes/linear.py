"""Linear models in numpy."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.sources import LinearSource, Link
from mlwright.core.errors import BundleError

Floats = NDArray[np.float64]


class Linear:
    """A linear model with its link."""

    def __init__(self, source: LinearSource) -> None:
        self._weights = np.ascontiguousarray(np.transpose(source.coefficients))
        self._intercept = np.asarray(source.intercept, np.float64)
        self._link = LINKS[source.link]

    def scores(self, matrix: Floats) -> Floats:
        """Return the scores of the rows."""
        return self._link(matrix @ self._weights + self._intercept)

    def contributions(self, matrix: Floats) -> Floats:
        """Return each feature times its weight, and the intercept; see `explain.Explains`."""
        weights = np.atleast_2d(self._weights.T)
        base = np.broadcast_to(np.reshape(self._intercept, (-1, 1)), (len(matrix), len(weights), 1))
        return np.concatenate([matrix[:, None, :] * weights, base], axis=2)


def load(data: bytes) -> Linear:
    """Read a linear model from its JSON.

    Raises:
        BundleError: the bytes are not a linear model.
    """
    try:
        return Linear(LinearSource.from_json(json.loads(data)))
    except (ValueError, KeyError, TypeError) as exc:
        raise BundleError(
            f"the linear model cannot be read: {exc}", hint="package the model again"
        ) from exc


def _identity(values: Floats) -> Floats:
    return values


def _logistic(values: Floats) -> Floats:
    powers = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1.0, powers) / (1 + powers))


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


LINKS: dict[Link, Callable[[Floats], Floats]] = {
    "identity": _identity,
    "logistic": _logistic,
    "softmax": _softmax,
}
"""What makes scores of a model's sums."""
