"""What becomes known of a request after its outcome: its prediction, a label, a value told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mlwright.core.signature import Label
from mlwright.predictions.lines import Measure, Outcome, Route, Truth
from mlwright.predictions.tail import Tail

from .guards import Source
from .readings import Fact

_WAITING = 100_000  # lines whose outcome has not been seen yet


class _Answer(msgspec.Struct, frozen=True, gc=False):
    """The fields of a line that are compared; a question that was answered has no prediction."""

    request_id: str
    latency_ms: float
    route: Route
    prediction: Label | None = None


class Later:
    """Follows the logs that the guards of a rollout need, and joins them by the request's id.

    Of a request with several rows the first one speaks: its label is that of `<id>-0`.
    """

    def __init__(self, folder: Path, sources: set[Source], *, since: float) -> None:
        self._wanted = sources - {"outcome"}
        self._predictions = Tail(folder, "predictions", _Answer, since=since)
        self._labels = Tail(folder, "labels", Truth, since=since)
        self._measures = Tail(folder, "measures", Measure, since=since)
        self._outcomes: dict[str, Outcome] = {}
        self._answers: dict[str, _Answer] = {}
        self._unmatched: dict[str, _Answer] = {}
        self._truths: list[Truth] = []
        self._told: list[Measure] = []

    def new(self, outcomes: Sequence[Outcome]) -> Iterator[tuple[Source, list[Fact]]]:
        """Take in new outcomes, and give what is known now, by its source."""
        if not self._wanted:
            return
        self._outcomes |= {each.request_id: each for each in outcomes if each.request_id}
        # A candidate that answers too late has a line too: of two lines the first one counts.
        for line in self._predictions.new():
            if (name := _base(line.request_id)) not in self._answers:
                self._answers[name] = self._unmatched[name] = line
        if "prediction" in self._wanted:
            yield "prediction", self._predicted()
        if "label" in self._wanted:
            self._truths += self._labels.new()
            yield "label", self._labelled()
        if "measure" in self._wanted:
            self._told += self._measures.new()
            yield "measure", self._measured()

    def _predicted(self) -> list[Fact]:
        names = self._unmatched.keys() & self._outcomes.keys()
        found = [_fact(self._outcomes[name], self._unmatched.pop(name)) for name in names]
        for old in list(self._unmatched)[: max(0, len(self._unmatched) - _WAITING)]:
            del self._unmatched[old]  # of a time without a comparison
        return sorted(found, key=lambda fact: fact.outcome.time)

    def _labelled(self) -> list[Fact]:
        facts, self._truths, waiting = [], [], self._truths
        for truth in waiting:
            name = _base(truth.request_id)
            if name in self._outcomes and name in self._answers:
                answer = self._answers[name].prediction
                facts.append(Fact(self._outcomes[name], answer, label=truth.label))
            else:
                self._truths.append(truth)
        return facts

    def _measured(self) -> list[Fact]:
        facts, self._told, waiting = [], [], self._told
        for told in waiting:
            if outcome := self._outcomes.get(_base(told.request_id)):
                facts.append(Fact(outcome, value=told.value, measure=told.measure))
            else:
                self._told.append(told)
        return facts


def _fact(outcome: Outcome, answer: _Answer) -> Fact:
    took = outcome.latency_ms if answer.route == "fallback" else answer.latency_ms
    return Fact(outcome, answer.prediction, took)


def _base(request_id: str) -> str:
    return request_id.removesuffix("-0")
