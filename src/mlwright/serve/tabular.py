"""Hosts the model of a bundle: a request's body to its answer, and the log lines of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock
from mlwright.core.errors import SignatureError
from mlwright.core.signature import Label
from mlwright.predictions.lines import Prediction, Route, line

from .answers import Answer, Refused, encode
from .complaints import complain, place_of
from .metrics import Metrics, label
from .requests import Call, Row, decode


class Answered(NamedTuple):
    """An answer, and the lines that must be in the log before it leaves."""

    answer: Answer
    lines: list[bytes]


class _Row(msgspec.Struct, kw_only=True, gc=False):
    prediction: Label
    probability: float | dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    model_version: int
    request_id: str


class _Body(msgspec.Struct, gc=False):
    predictions: list[_Row]


class Tabular:
    """A model version, loaded and warm."""

    def __init__(self, bundle: Bundle, model: str, version: int, metrics: Metrics) -> None:
        self.model = model
        self.version = version
        self.signature = bundle.signature
        self._samples = bundle.samples
        self._names = bundle.signature.names
        self._classes = [str(each) for each in bundle.signature.classes]
        self._metrics = metrics
        self._model = bundle.model()
        self._warm()

    def describe(self) -> dict[str, Any]:
        """Return what a caller must know: model, version, inputs, and a request to try."""
        example = [sample["features"] for sample in self._samples[:1]]
        return {
            "model": self.model,
            "version": self.version,
            **self.signature.to_json(),
            "predict": "POST /predict",
            "example": {"records": example},
        }

    def answer(self, call: Call, route: Route, started: float) -> Answered:
        """Predict the rows of a request; `started` is its `time.perf_counter()`.

        A model that fails is answered with 500 and no detail; the detail goes to stderr.

        Raises:
            Refused: the request is wrong; the error names every field.
        """
        rows = self._checked(decode(call.body))
        try:
            labels, scores = self._scored(rows)
        except Exception as exc:
            name = f"{self.model}:{self.version}"
            failed = f"{name} failed on a request: {type(exc).__name__} at {place_of(exc)}"
            complain("model", failed)
            raise Refused(500, "model", "the model failed on this request") from None
        return self._answered(call, route, started, rows, labels, scores)

    def _checked(self, rows: list[Row]) -> list[Row]:
        try:
            unknown = self._model.check_rows(rows)
        except SignatureError as exc:
            raise Refused(422, "signature", str(exc), exc.problems) from None
        if unknown:
            self._metrics.count("unknown_columns_total", by=unknown)
            rows = [{name: row[name] for name in self._names} for row in rows]
        for column, count in self._model.plan.unseen(rows).items():
            self._metrics.count("unseen_categories_total", label("column", column), count)
        return rows

    def _scored(self, rows: Sequence[Row]) -> tuple[list[Label], list[Any]]:
        found = self._model.predict_rows(rows)
        scores = found.scores.tolist()
        flat = found.scores.ravel().tolist()
        if not all(map(math.isfinite, flat)):
            raise ArithmeticError("a score is no finite number")
        return found.prediction, scores

    def _answered(
        self,
        call: Call,
        route: Route,
        started: float,
        rows: list[Row],
        labels: list[Label],
        scores: list[Any],
    ) -> Answered:
        now, took = clock.now(), round((time.perf_counter() - started) * 1000, 3)
        ids = _row_ids(call.request_id, len(rows))
        answers = [
            _Row(
                prediction=predicted,
                probability=self._probability(score),
                model_version=self.version,
                request_id=each,
            )
            for each, predicted, score in zip(ids, labels, scores, strict=True)
        ]
        key, model, version = call.key, self.model, self.version
        lines = [
            line(Prediction(now, each, key, model, version, row, predicted, score, took, route))
            for each, row, predicted, score in zip(ids, rows, labels, scores, strict=True)
        ]
        self._metrics.count("rows_total", f'version="{version}"', len(rows))
        return Answered(Answer(200, encode(_Body(answers))), lines)

    def _probability(self, score: Any) -> float | dict[str, float] | msgspec.UnsetType:
        if len(self._classes) == 2:
            return score  # type: ignore[no-any-return]
        if self._classes:
            return dict(zip(self._classes, score, strict=True))
        return msgspec.UNSET

    def _warm(self) -> None:
        rows = [sample["features"] for sample in self._samples]
        if rows:
            self._model.predict_rows(rows)


def _row_ids(request_id: str, count: int) -> list[str]:
    return [request_id] if count == 1 else [f"{request_id}-{place}" for place in range(count)]
