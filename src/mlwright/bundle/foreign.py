"""Models made elsewhere that take the columns as they are: no plan, no matrix, no compilation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.model import Model, Predictions
from mlwright.bundle.plan import Floats, Plan, Row
from mlwright.bundle.runtimes.linear import LINKS
from mlwright.bundle.trust import Trust
from mlwright.core.backends import Backend, Backends
from mlwright.core.errors import BundleError
from mlwright.core.signature import Column, Label, Signature

Columns = Mapping[str, NDArray[Any]]


class ForeignRuntime(Protocol):
    """A loaded model that takes whole columns."""

    def scores(self, columns: Columns) -> Floats:
        """Return the scores (see `Runtime.scores`) of the signature's columns, in its order.

        Numbers are float64 with NaN for null, categories and texts objects (str or None),
        booleans float64 0, 1 or NaN.
        """
        ...


@dataclass(frozen=True, slots=True)
class Foreign:
    """What a foreign runtime is made of: the model's file, its signature, and what is trusted."""

    data: bytes
    signature: Signature
    params: Mapping[str, Any]
    trust: Trust

    @property
    def link(self) -> str:
        """Return what makes scores of the model's answers: identity, logistic or softmax."""
        return str(self.params.get("link", "identity"))


ForeignLoader = Callable[[Foreign], ForeignRuntime]
"""What a foreign runtime's table entry is; it raises `BundleError` for a file that is no model."""

FOREIGN: Backends[ForeignLoader] = Backends(
    "foreign runtime",
    "mlwright.foreign_runtimes",
    {
        "endpoint": Backend("mlwright.bundle.runtimes.endpoint:load"),
        "estimator": Backend("mlwright.bundle.runtimes.estimator:load", "train"),
        "graph": Backend("mlwright.bundle.runtimes.graph:load"),
        "pyfunc": Backend("mlwright.bundle.runtimes.pyfunc:load", "train"),
        "python": Backend("mlwright.bundle.runtimes.python:load"),
        "savedmodel": Backend("mlwright.bundle.runtimes.savedmodel:load", "keras"),
        "torchscript": Backend("mlwright.bundle.runtimes.torchscript:load", "torch"),
    },
)

RUNS_CODE = ("pyfunc", "python", "savedmodel", "torchscript")
"""The runtimes that can only load a model by running what is in its file."""


class ForeignModel(Model):
    """A foreign model made ready to answer."""

    def __init__(
        self, signature: Signature, runtime: ForeignRuntime, *, threshold: float | None = None
    ) -> None:
        super().__init__(signature, Plan(()), _NoMatrix(), threshold=threshold)
        self._foreign = runtime

    def scores(self, columns: Columns, *, as_served: bool = False) -> Floats:
        """Return the scores of whole columns, as `data.schema.columns` gives them."""
        given = {name: columns[name] for name in self.signature.names}
        if not len(next(iter(given.values()))):
            width = (len(self.signature.classes),) if self.signature.task == "multiclass" else ()
            return np.zeros((0, *width))
        return self._foreign.scores(given)

    def predict_rows(self, rows: Sequence[Row]) -> Predictions:
        """Return predictions for a few rows that `check_rows` has passed."""
        return self.predict({c.name: _array(rows, c) for c in self.signature.inputs})


class _NoMatrix:
    def scores(self, matrix: Floats) -> Floats:
        raise AssertionError("a foreign model takes columns")


def matrix(columns: Columns, signature: Signature) -> Floats:
    """Return the columns side by side, (n, columns), for a model that takes numbers alone."""
    return np.column_stack([np.asarray(columns[name], np.float64) for name in signature.names])


def numbers_alone(signature: Signature) -> bool:
    """Return whether every column is a number or a boolean."""
    return all(column.kind in ("number", "boolean") for column in signature.inputs)


def as_scores(found: Any, signature: Signature, *, rows: int, link: str = "identity") -> Floats:
    """Return the scores of what a foreign model answered: labels, probabilities or values.

    Labels become a probability of 1. Probabilities of two classes may be (n,), (n, 1) or (n, 2).

    Raises:
        BundleError: it is none of these, or has another number of rows.
    """
    values = np.asarray(found)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2) or len(values) != rows:
        raise _strange(f"an array of the shape {values.shape} for {rows} rows", signature)
    if signature.task == "regression":
        if values.ndim != 1 or values.dtype.kind not in "fiub":
            raise _strange(f"{values.dtype} of the shape {values.shape}", signature)
        return values.astype(np.float64)
    wide = len(signature.classes)
    as_labels = values.dtype.kind not in "f" or (wide > 2 and link == "identity")
    if values.ndim == 1 and as_labels:
        return _hard(values.tolist(), signature)
    if values.dtype.kind not in "fiu" or (values.ndim == 2 and values.shape[1] != wide):
        raise _strange(f"{values.dtype} of the shape {values.shape}", signature)
    if values.ndim == 1 and wide > 2:
        raise _strange("one number a row", signature)
    return _probabilities(values.astype(np.float64), signature, link)


def _probabilities(values: Floats, signature: Signature, link: str) -> Floats:
    if values.ndim == 2 and link == "logistic":
        raise _strange("a number a class, which are not made one by one", signature)
    linked = LINKS[link](values)  # type: ignore[index]
    known = linked[np.isfinite(linked)]
    if known.size and (known.min() < -1e-6 or known.max() > 1 + 1e-6):
        raise BundleError(
            "the model answers numbers outside 0 and 1, which are no probabilities",
            hint="say what makes probabilities of them: --link logistic, or --link softmax",
        )
    return linked[:, 1] if linked.ndim == 2 and signature.task == "binary" else linked


def _hard(labels: Sequence[Any], signature: Signature) -> Floats:
    places: dict[Label, int] = {}
    for place, label in enumerate(signature.classes):
        places.setdefault(label, place)
        places.setdefault(str(label), place)
    try:
        chosen = [places[label if label in places else str(label)] for label in labels]
    except (KeyError, TypeError):
        raise _strange("labels that are none of the model's classes", signature) from None
    shares = np.eye(len(signature.classes))[chosen]
    return shares[:, 1] if signature.task == "binary" else shares


def _strange(got: str, signature: Signature) -> BundleError:
    wanted = {
        "regression": "one number a row",
        "binary": "a label or a probability a row",
        "multiclass": "a label or a probability a class for each row",
    }[signature.task]
    return BundleError(
        f"the model answered {got}; wanted: {wanted}",
        hint="see docs/package.md for what a model may answer",
    )


def _array(rows: Sequence[Row], column: Column) -> NDArray[Any]:
    values = [row[column.name] for row in rows]
    if column.kind in ("category", "text"):
        found = np.empty(len(values), object)
        found[:] = values
        return found
    return np.array([math.nan if value is None else value for value in values], np.float64)
