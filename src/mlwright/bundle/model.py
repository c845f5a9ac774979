"""A bundle made ready to answer: check rows, encode them, score them, decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.calibration import Calibrated
from mlwright.bundle.explain import Explains, Explanation, NotExplained, explained
from mlwright.bundle.original import Original
from mlwright.bundle.plan import Floats, Plan, Row
from mlwright.bundle.row_encoding import RowEncoder, Values
from mlwright.bundle.rows import RowCheck
from mlwright.bundle.runtimes import Runtime
from mlwright.core.signature import Label, Signature

_MOST_ROWS = 8192  # of 20 features: 1.3 MB, so that a part stays in the cache
_FEWEST_ROWS = 256
_MOST_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Predictions:
    """One label a row, and the scores they come from (see `Runtime.scores`)."""

    prediction: list[Label]
    scores: Floats


class Model:
    """The model of a bundle, in memory. Safe to call from several threads.

    `original` is the model that `runtime` was compiled from, where it is kept.
    """

    def __init__(
        self,
        signature: Signature,
        plan: Plan,
        runtime: Runtime,
        *,
        threshold: float | None = None,
        original: Original | None = None,
    ) -> None:
        self.signature = signature
        self.plan = plan
        self.threshold = threshold
        self._runtime = runtime
        self._original = original
        self._check = RowCheck(signature)

    @cached_property
    def _encoder(self) -> RowEncoder | None:
        plain = self.plan.steps and not self.plan.derived
        return RowEncoder(self.plan.steps, self.signature.names) if plain else None

    @property
    def table_runtime(self) -> str:
        """Return what `scores` takes here: "original" or "compiled"."""
        return "original" if self._original and self._original.for_tables() else "compiled"

    def scores(self, columns: Mapping[str, NDArray[Any]], *, as_served: bool = False) -> Floats:
        """Return the scores of whole columns, as `data.schema.columns` gives them.

        Many rows are taken in parts, whose size depends on the model alone. `as_served` takes the
        compiled model, which answers requests, also where the original is faster for tables: the
        two may differ in the last bit, and which is faster is a measurement.
        """
        rows = len(next(iter(columns.values())))
        size = max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_CELLS // max(len(self.plan.features), 1)))
        original = None if as_served or not self._original else self._original.for_tables()
        runtime = original or self._runtime
        if rows <= size:
            return runtime.scores(self.plan.encode(columns))
        parts = []
        for start in range(0, rows, size):
            few = {name: values[start : start + size] for name, values in columns.items()}
            parts.append(runtime.scores(self.plan.encode(few)))
        return np.concatenate(parts)

    def predict(
        self, columns: Mapping[str, NDArray[Any]], *, as_served: bool = False
    ) -> Predictions:
        """Return predictions for whole columns, as `scores` scores them."""
        return self._decided(self.scores(columns, as_served=as_served))

    def predict_rows(self, rows: Sequence[Row]) -> Predictions:
        """Return predictions for a few rows that `check_rows` has passed."""
        return self._decided(self._runtime.scores(self.plan.encode_rows(rows)))

    def predict_values(self, rows: Sequence[Values]) -> Predictions:
        """Return predictions for rows that are the values of the signature's columns, in order.

        They are checked ones. Many together go to the original, where it was measured to be
        faster for so many and is loaded; the first such call begins to load it.
        """
        if self._encoder is None:
            return self.predict_rows(self.named(rows))
        original = self._original and self._original.for_rows(len(rows))
        return self._decided((original or self._runtime).scores(self._encoder(rows)))

    def unseen(self, rows: Sequence[Values]) -> dict[str, int]:
        """Return how many values of each category column the plan does not know; nulls aside."""
        if self._encoder is None:
            return self.plan.unseen(self.named(rows))
        return self._encoder.unseen(rows)

    def named(self, rows: Sequence[Values]) -> list[Row]:
        """Return rows of values as rows by column."""
        names = self.signature.names
        return [dict(zip(names, row, strict=True)) for row in rows]

    def explain_rows(self, rows: Sequence[Row]) -> list[Explanation]:
        """Return what each column added to the score of a few rows that `check_rows` has passed.

        Raises:
            NotExplained: the model tells no contributions.
            MissingExtra: the library that fitted it is not installed, and only it can tell.
        """
        runtime = self._original.runtime() if self._original else self._runtime
        if isinstance(runtime, Calibrated):
            runtime = runtime.runtime
        if not isinstance(runtime, Explains):
            raise NotExplained
        matrix = self.plan.encode_rows(rows)
        labels = self._decided(self._runtime.scores(matrix)).prediction
        return explained(runtime, self.plan, matrix, self.signature, labels)

    def check_rows(self, rows: Sequence[Row]) -> int:
        """Check rows against the signature, and return how many unknown columns they hold.

        A number is an int or a finite float, never a bool or text; a category and a text are
        text; a boolean is a bool; a null is accepted where the column takes one. Unknown columns
        are counted, a column a row, and otherwise ignored.

        Raises:
            SignatureError: names every column that is missing or wrong, never its values.
        """
        return self._check(rows)

    def values(self, rows: Sequence[Row]) -> list[Values]:
        """Check rows as `check_rows` does, and return the values of each for `predict_values`."""
        return self._check.values(rows)

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
