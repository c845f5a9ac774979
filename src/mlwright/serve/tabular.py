"""Hosts the model of a bundle: the rows of many requests to their answers and log lines."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock
from mlwright.core.errors import MissingExtra, MlwrightError, RemoteError, SignatureError
from mlwright.core.signature import Label
from mlwright.predictions.lines import Prediction, line

from .answers import Refused
from .application import Call, Contract, Count, Door, Predicted, Reply, Row, Values, Work
from .complaints import complain, place_of
from .metrics import label
from .privacy import Keep
from .requests import check_count, traceparent

CHUNK = 1024
"""Rows that are scored by one call; other threads have their turn in between."""


class Checked(msgspec.Struct, frozen=True):
    """The values of rows that may be predicted, what was odd about them, and what is logged."""

    rows: Sequence[Values]
    logged: Sequence[Any]
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
        self._label = f'version="{version}"'
        self._model = bundle.model()
        self._elsewhere = bundle.runtime == "endpoint"

    def doors(self) -> Mapping[tuple[str, str], Door]:
        """Return the routes of all contracts; an earlier contract's go before a later one's."""
        found: dict[tuple[str, str], Door] = {}
        for contract in reversed(self._contracts):
            health = contract.health()
            for (method, path), route in contract.routes().items():
                found[method, path] = Door(
                    route,
                    contract.refusal,
                    health.get(path, ""),
                    elsewhere=self._elsewhere and method == "POST",
                )
        return found

    def warm(self) -> None:
        """Predict the sample rows."""
        rows = [sample["features"] for sample in self._samples]
        if rows:
            names = self._names
            self._model.predict_values([tuple([row[name] for name in names]) for row in rows])

    def work(self, jobs: Sequence[tuple[Call, Work]]) -> list[Reply | Refused]:
        """Check each Work by itself, predict all good ones together, and write their answers.

        A model that fails is a 500 with no detail (a 502 where it answers elsewhere), for the
        request that it fails on alone; the detail goes to stderr.
        """
        gathered = self.gather(jobs)
        gathered.score()
        return gathered.replies()

    def gather(self, jobs: Sequence[tuple[Call, Work]]) -> Gathered:
        """Check each Work by itself, and return the good ones ready to be scored together."""
        return Gathered(self, jobs, [self._checked(work) for _, work in jobs])

    def _checked(self, work: Work) -> Checked | Refused:
        model = self._model
        if work.texts:
            values = cast("Sequence[Values]", work.rows)
            logged: Sequence[Any] = work.texts if self._keep is None else model.named(values)
            return Checked(values, logged, 0, model.unseen(values))
        rows = cast("Sequence[Row]", work.rows)
        try:
            check_count(rows)
            found = model.values(rows)
        except SignatureError as exc:
            return Refused(422, "signature", str(exc), exc.problems)
        except Refused as exc:
            return exc
        unknown = sum(map(len, rows)) - len(rows) * len(self._names)
        return Checked(found, model.named(found) if unknown else rows, unknown, model.unseen(found))

    def scored(self, rows: Sequence[Values]) -> tuple[list[Label], list[Any]]:
        """Return labels and scores, finite ones."""
        labels: list[Label] = []
        scores: list[Any] = []
        for start in range(0, len(rows), CHUNK):
            found = self._model.predict_values(rows[start : start + CHUNK])
            if not all(map(math.isfinite, found.scores.ravel().tolist())):
                raise ArithmeticError("a score is no finite number")
            labels += found.prediction
            scores += found.scores.tolist()
        return labels, scores

    def replied(
        self,
        call: Call,
        work: Work,
        checked: Checked,
        labels: list[Label],
        scores: list[Any],
        now: float,
    ) -> Reply | Refused:
        """Return the answer of one Work, and its lines."""
        count = len(labels)
        ids = [call.request_id]
        if count > 1:
            ids = [f"{call.request_id}-{place}" for place in range(count)]
        try:
            explained = self._explained(checked.rows) if work.explain else None
            predicted = Predicted(
                ids, labels, scores, self.model, self.version, self.signature, explained
            )
            answer = work.reply(predicted)
        except Refused as refused:
            return refused
        except Exception as exc:
            self.complain(exc)
            return Refused(500, "bug", "the server failed on this request")
        counts: list[Count] = [("rows_total", self._label, count)]
        if checked.unknown or checked.unseen:
            headers, odd = _odd(checked)
            answer = replace(answer, headers=(*answer.headers, *headers))
            counts = [*odd, *counts]
        lines = self._lines(call, checked.logged, ids, labels, scores, now)
        return Reply(answer, lines, counts)

    def _lines(
        self,
        call: Call,
        logged: Sequence[Any],
        ids: list[str],
        labels: list[Label],
        scores: list[Any],
        now: float,
    ) -> list[bytes]:
        took = round((time.perf_counter() - call.started) * 1000, 3)
        model, version, key, arm, trace = (
            self.model,
            self.version,
            call.key,
            call.arm,
            traceparent(call),
        )
        kept = logged if self._keep is None else map(self._keep.row, logged)
        return [
            line(Prediction(now, each, key, model, version, row, named, score, took, arm, trace))
            for each, row, named, score in zip(ids, kept, labels, scores, strict=True)
        ]

    def _explained(self, rows: Sequence[Values]) -> list[Any]:
        try:
            return list(self._model.explain_rows(self._model.named(rows)))
        except MlwrightError as exc:
            status = 501 if isinstance(exc, MissingExtra) else 422
            raise Refused(status, "explain", f"{exc}; {exc.hint}") from None

    def complain(self, exc: Exception) -> None:
        """Tell of a failure on stderr."""
        name = f"{self.model}:{self.version}"
        at = place_of(exc)
        complain("model", f"{name} failed on a request: {type(exc).__name__} at {at}")


class Gathered:
    """The Works of a turn on their way: checked, then scored in whatever thread, then answered."""

    def __init__(
        self,
        application: Tabular,
        jobs: Sequence[tuple[Call, Work]],
        checked: Sequence[Checked | Refused],
    ) -> None:
        self._application = application
        self._jobs = jobs
        self._checked = checked
        good = [each.rows for each in checked if isinstance(each, Checked)]
        self._good = len(good)
        self._rows = good[0] if len(good) == 1 else list(chain.from_iterable(good))
        self._labels: list[Label] = []
        self._scores: list[Any] = []
        self._failure: Exception | None = None

    def score(self) -> None:
        """Score all rows; what goes wrong is told by `replies`."""
        try:
            self._labels, self._scores = self._application.scored(self._rows)
        except Exception as exc:
            self._failure = exc

    def replies(self) -> list[Reply | Refused]:
        """Return one result for each Work."""
        application, checked = self._application, self._checked
        if self._failure is not None:
            if self._good > 1:
                return [application.work([job])[0] for job in self._jobs]
            application.complain(self._failure)
            failed = _failed(self._failure)
            return [each if isinstance(each, Refused) else failed for each in checked]
        now = clock.now()
        results: list[Reply | Refused] = []
        start = 0
        for (call, work), each in zip(self._jobs, checked, strict=True):
            if isinstance(each, Refused):
                results.append(each)
                continue
            end = start + len(each.rows)
            labels, scores = self._labels[start:end], self._scores[start:end]
            results.append(application.replied(call, work, each, labels, scores, now))
            start = end
        return results


def _odd(checked: Checked) -> tuple[list[tuple[bytes, bytes]], list[Count]]:
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


def _failed(exc: Exception) -> Refused:
    if isinstance(exc, RemoteError):
        return Refused(502, "model", "the endpoint that the model answers from failed")
    return Refused(500, "model", "the model failed on this request")
