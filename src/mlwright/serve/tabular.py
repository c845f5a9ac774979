"""Hosts the model of a bundle: the rows of many requests to their answers and log lines."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock
from mlwright.core.errors import MissingExtra, MlwrightError, RemoteError, SignatureError
from mlwright.core.signature import Label
from mlwright.predictions.lines import Prediction, line

from .answers import Refused
from .application import Call, Contract, Count, Door, Predicted, Reply, Row, Work
from .complaints import complain, place_of
from .metrics import label
from .privacy import Keep
from .requests import check_count, traceparent

CHUNK = 256
"""Rows that are scored by one call; the loop, or other threads, have their turn in between."""


class _Checked(NamedTuple):
    """Rows that may be predicted, and what was odd about them."""

    rows: list[Row]
    unknown: int
    unseen: Mapping[str, int]


class Tabular:
    """A model version, loaded; `keep` says what of a row the log may have."""

    def __init__(
        self,
        bundle: Bundle,
        model: str,
        version: int,
        *,
        contracts: Sequence[Contract] = (),
        keep: Keep | None = None,
    ) -> None:
        self.model = model
        self.version = version
        self.signature = bundle.signature
        self._samples = bundle.samples
        self._names = bundle.signature.names
        self._contracts = contracts
        self._keep = keep
        self._model = bundle.model()

    def doors(self) -> Mapping[tuple[str, str], Door]:
        """Return the routes of all contracts; an earlier contract's go before a later one's."""
        found: dict[tuple[str, str], Door] = {}
        for contract in reversed(self._contracts):
            health = contract.health()
            for (method, path), route in contract.routes().items():
                found[method, path] = Door(route, contract.refusal, health.get(path, ""))
        return found

    def warm(self) -> None:
        """Predict the sample rows."""
        rows = [sample["features"] for sample in self._samples]
        if rows:
            self._model.predict_rows(rows)

    def work(self, jobs: Sequence[tuple[Call, Work]]) -> list[Reply | Refused]:
        """Check each Work by itself, predict all good ones together, and write their answers.

        A model that fails is a 500 with no detail (a 502 where it answers elsewhere), for the
        request that it fails on alone; the detail goes to stderr.
        """
        results: list[Reply | Refused] = []
        checked: list[_Checked | Refused] = [self._checked(work) for _, work in jobs]
        good = [each for each in checked if not isinstance(each, Refused)]
        rows = good[0].rows if len(good) == 1 else [row for each in good for row in each.rows]
        try:
            labels, scores = self._scored(rows)
        except Exception as exc:
            if len(good) > 1:
                return [self.work([job])[0] for job in jobs]
            self._complain(exc)
            failed = _failed(exc)
            return [each if isinstance(each, Refused) else failed for each in checked]
        start = 0
        for (call, work), each in zip(jobs, checked, strict=True):
            if isinstance(each, Refused):
                results.append(each)
                continue
            end = start + len(each.rows)
            results.append(self._replied(call, work, each, labels[start:end], scores[start:end]))
            start = end
        return results

    def _checked(self, work: Work) -> _Checked | Refused:
        rows = work.rows
        try:
            check_count(rows)
            unknown = self._model.check_rows(rows)
        except SignatureError as exc:
            return Refused(422, "signature", str(exc), exc.problems)
        except Refused as exc:
            return exc
        if unknown:
            rows = [{name: row[name] for name in self._names} for row in rows]
        return _Checked(rows, unknown, self._model.plan.unseen(rows))

    def _scored(self, rows: list[Row]) -> tuple[list[Label], list[Any]]:
        labels: list[Label] = []
        scores: list[Any] = []
        for start in range(0, len(rows), CHUNK):
            found = self._model.predict_rows(rows[start : start + CHUNK])
            if not all(map(math.isfinite, found.scores.ravel().tolist())):
                raise ArithmeticError("a score is no finite number")
            labels += found.prediction
            scores += found.scores.tolist()
        return labels, scores

    def _replied(
        self, call: Call, work: Work, checked: _Checked, labels: list[Label], scores: list[Any]
    ) -> Reply | Refused:
        rows, count = checked.rows, len(checked.rows)
        ids = [call.request_id]
        if count > 1:
            ids = [f"{call.request_id}-{place}" for place in range(count)]
        try:
            explained = self._explained(rows) if work.explain else None
            predicted = Predicted(
                ids, labels, scores, self.model, self.version, self.signature, explained
            )
            answer = work.reply(predicted)
        except Refused as refused:
            return refused
        except Exception as exc:
            self._complain(exc)
            return Refused(500, "bug", "the server failed on this request")
        headers, counts = self._odd(checked)
        if headers:
            answer = answer._replace(headers=(*answer.headers, *headers))
        counts.append(("rows_total", f'version="{self.version}"', count))
        return Reply(answer, self._lines(call, rows, ids, labels, scores), counts)

    def _lines(
        self,
        call: Call,
        rows: list[Row],
        ids: list[str],
        labels: list[Label],
        scores: list[Any],
    ) -> list[bytes]:
        now, took = clock.now(), round((time.perf_counter() - call.started) * 1000, 3)
        key, arm, trace = call.key, call.arm, traceparent(call)
        kept = rows if self._keep is None else map(self._keep.row, rows)
        return [
            line(
                Prediction(
                    now, each, key, self.model, self.version, row, named, score, took, arm, trace
                )
            )
            for each, row, named, score in zip(ids, kept, labels, scores, strict=True)
        ]

    def _odd(self, checked: _Checked) -> tuple[list[tuple[bytes, bytes]], list[Count]]:
        """Tell the caller of what passed although training never saw it, and count it."""
        headers: list[tuple[bytes, bytes]] = []
        counts: list[Count] = []
        if checked.unknown:
            headers.append((b"x-unknown-columns", b"%d" % checked.unknown))
            counts.append(("unknown_columns_total", "", checked.unknown))
        if checked.unseen:
            headers.append((b"x-unseen-categories", b"%d" % sum(checked.unseen.values())))
            for column, number in checked.unseen.items():
                counts.append(("unseen_categories_total", label("column", column), number))
        return headers, counts

    def _explained(self, rows: list[Row]) -> list[Any]:
        try:
            return list(self._model.explain_rows(rows))
        except MlwrightError as exc:
            status = 501 if isinstance(exc, MissingExtra) else 422
            raise Refused(status, "explain", f"{exc}; {exc.hint}") from None

    def _complain(self, exc: Exception) -> None:
        name = f"{self.model}:{self.version}"
        at = place_of(exc)
        complain("model", f"{name} failed on a request: {type(exc).__name__} at {at}")


def _failed(exc: Exception) -> Refused:
    if isinstance(exc, RemoteError):
        return Refused(502, "model", "the endpoint that the model answers from failed")
    return Refused(500, "model", "the model failed on this request")
