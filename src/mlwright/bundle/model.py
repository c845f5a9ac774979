"""A bundle made ready to answer: check rows, encode them, score them, decide."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.plan import Floats, Plan, Row
from mlwright.bundle.runtimes import Runtime
from mlwright.core.errors import SignatureError
from mlwright.core.signature import Column, Kind, Label, Signature

_TYPES: dict[Kind, tuple[type, ...]] = {
    "number": (float, int),
    "category": (str,),
    "boolean": (bool,),
    "text": (str,),
}
_WORDS: dict[Kind, str] = {
    "number": "a number",
    "category": "text",
    "boolean": "true or false",
    "text": "text",
}
_LARGEST = sys.float_info.max
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Predictions:
    """One label a row, and the scores they come from (see `Runtime.scores`)."""

    prediction: list[Label]
    scores: Floats


class Model:
    """The model of a bundle, in memory. Safe to call from several threads."""

    def __init__(
        self, signature: Signature, plan: Plan, runtime: Runtime, *, threshold: float | None = None
    ) -> None:
        self.signature = signature
        self.plan = plan
        self.threshold = threshold
        self._runtime = runtime
        self._checks = [
            (column.name, _TYPES[column.kind], column.kind == "number", column.nullable)
            for column in signature.inputs
        ]

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> Floats:
        """Return the scores of whole columns, as `data.schema.columns` gives them."""
        return self._runtime.scores(self.plan.encode(columns))

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> Predictions:
        """Return predictions for whole columns, as `data.schema.columns` gives them."""
        return self._decided(self.scores(columns))

    def predict_rows(self, rows: Sequence[Row]) -> Predictions:
        """Return predictions for a few rows that `check_rows` has passed."""
        return self._decided(self._runtime.scores(self.plan.encode_rows(rows)))

    def check_rows(self, rows: Sequence[Row]) -> int:
        """Check rows against the signature, and return how many unknown columns they hold.

        A number is an int or a finite float, never a bool or text; a category and a text are
        text; a boolean is a bool; a null is accepted where the column is nullable. Unknown
        columns are counted, a column a row, and otherwise ignored.

        Raises:
            SignatureError: names every column that is missing or wrong, never its values.
        """
        known = len(self._checks)
        unknown = 0
        for row in rows:
            for name, types, number, nullable in self._checks:
                value = row.get(name, _ABSENT)
                if value is None and nullable:
                    continue
                if type(value) not in types or (number and not -_LARGEST <= value <= _LARGEST):
                    raise _complaint(self.signature, rows)
            unknown += len(row) - known
        return unknown

    def _decided(self, scores: Floats) -> Predictions:
        classes = self.signature.classes
        if self.signature.task == "regression":
            return Predictions(scores.tolist(), scores)
        if self.signature.task == "multiclass":
            return Predictions([classes[i] for i in np.argmax(scores, axis=1).tolist()], scores)
        limit = 0.5 if self.threshold is None else self.threshold
        negative, positive = classes
        decided = [positive if score >= limit else negative for score in scores.tolist()]
        return Predictions(decided, scores)


def _complaint(signature: Signature, rows: Sequence[Row]) -> SignatureError:
    problems: dict[str, str] = {}
    for place, row in enumerate(rows):
        for column in signature.inputs:
            reason = _problem(row.get(column.name, _ABSENT), column)
            if reason and column.name not in problems:
                problems[column.name] = f"{reason} (row {place})" if len(rows) > 1 else reason
    return SignatureError(problems, hint="send every column of the model, each of its kind")


def _problem(value: Any, column: Column) -> str | None:
    if value is _ABSENT:
        return "is missing"
    if value is None:
        return None if column.nullable else "must not be null"
    if type(value) not in _TYPES[column.kind]:
        return f"must be {_WORDS[column.kind]}, got {_kind_of(value)}"
    if column.kind == "number" and not -_LARGEST <= value <= _LARGEST:
        return "must be a finite number"
    return None


def _kind_of(value: Any) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "another type")
