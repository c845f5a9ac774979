"""How good the answers to test questions are: by a judge, or by local signals that are named so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlwright.core.errors import ConfigError, RemoteError, did_you_mean
from mlwright.stats.intervals import Interval

from . import signals
from .answer import Answerer, Question
from .evaluate import mean_interval
from .evidence import calibrated, evidence
from .judge import MEASURES, Judge, Judged, Unmeasured
from .questions import TestQuestion
from .records import Answer, Embedder

_NEEDS_REFERENCE = ("context_precision", "context_recall", "correctness")
LOCAL = "local signals (words in common and nearness of sentences), not a judge"


@dataclass(frozen=True, slots=True)
class AnswerQuality:
    """Measures of answers; `unmeasured` counts by measure and reason, apart from all scores.

    `suggested_minimum` is the evidence that 95% of the questions reach, all of them answerable.
    """

    method: str
    metrics: Mapping[str, Interval]
    unmeasured: Mapping[str, Mapping[str, int]]
    kinds: Mapping[str, int]
    removed_citations: int
    cost: float | None
    suggested_minimum: float | None
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `rag evaluate --json` adds under `answers`."""
        return {
            "method": self.method,
            "metrics": {name: found.to_json() for name, found in self.metrics.items()},
            "unmeasured": {name: dict(why) for name, why in self.unmeasured.items()},
            "kinds": dict(self.kinds),
            "removed_citations": self.removed_citations,
            "cost": self.cost,
            "suggested_minimum_evidence": self.suggested_minimum,
        }


def checked_measures(names: Sequence[str]) -> tuple[str, ...]:
    """Return the measures wanted, all of them where none is named.

    Raises:
        ConfigError: there is no such measure.
    """
    for name in names:
        if name not in MEASURES:
            raise ConfigError(
                f"no measure of answers named {name!r}{did_you_mean(name, MEASURES)}",
                hint=f"there are: {', '.join(MEASURES)}",
            )
    return tuple(names) or MEASURES


def measure_answers(
    answerer: Answerer,
    questions: Sequence[TestQuestion],
    *,
    measures: Sequence[str] = MEASURES,
    k: int = 5,
    judge: Judge | None = None,
    embedder: Embedder | None = None,
    progress: Callable[[int], object] = id,
) -> AnswerQuality:
    """Ask every question and measure its answer.

    Args:
        answerer: what is measured.
        questions: with reference answers, for the measures that need one.
        measures: names of `MEASURES`.
        k: how many hits an answer is made from.
        judge: scores the answers; without one, the local signals do.
        embedder: for the local signals.
        progress: is told after each question how many are done.
    """
    scores: dict[str, dict[str, float]] = {name: {} for name in measures}
    unmeasured: dict[str, Counter[str]] = {name: Counter() for name in measures}
    kinds: Counter[str] = Counter()
    evidences: list[float] = []
    removed, cost = 0, 0.0
    known = True
    for done, asked in enumerate(questions, 1):
        try:
            answer = answerer.ask(Question(asked.text, k))
        except RemoteError:
            kinds["failed"] += 1
            for name in measures:
                unmeasured[name]["no answer"] += 1
            progress(done)
            continue
        kinds[answer.kind] += 1
        removed += answer.removed_citations
        known, cost = known and answer.cost is not None, cost + (answer.cost or 0.0)
        evidences.append(evidence(answer.hits, asked.text))
        for name in measures:
            try:
                scores[name][asked.id] = _score(name, asked, answer, judge, embedder)
            except Unmeasured as exc:
                unmeasured[name][str(exc)] += 1
        progress(done)
    return AnswerQuality(
        method=f"judge, prompts {judge.version}" if judge else LOCAL,
        metrics={
            name: mean_interval(list(found.values())) for name, found in scores.items() if found
        },
        unmeasured={name: dict(why) for name, why in unmeasured.items() if why},
        kinds=dict(kinds),
        removed_citations=removed,
        cost=round(cost, 6) if known else None,
        suggested_minimum=calibrated(evidences),
        scores=scores,
    )


def _score(
    name: str, asked: TestQuestion, answer: Answer, judge: Judge | None, embedder: Embedder | None
) -> float:
    reference = asked.answer or ""
    if name in _NEEDS_REFERENCE and not reference:
        raise Unmeasured("no reference answer")
    about_answer = name in ("faithfulness", "answer_relevancy")
    if about_answer and answer.kind == "unknown":
        raise Unmeasured("it said that it does not know")
    if name == "correctness" and answer.kind == "unknown":
        return 0.0  # there was an answer to be given
    contexts = tuple(hit.chunk.text for hit in answer.hits)
    if not contexts:
        if about_answer:
            raise Unmeasured("nothing was found")
        return 0.0
    return scored(name, Judged(asked.text, answer.text, contexts, reference), judge, embedder)


def scored(name: str, judged: Judged, judge: Judge | None, embedder: Embedder | None) -> float:
    """Return a measure of one answer, by the judge or else by the local signals.

    Raises:
        Unmeasured: there is no verdict, or nothing to measure.
    """
    if judge is not None:
        return judge.score(name, judged)
    question, said, contexts = judged.question, judged.answer, judged.contexts
    wanted = judged.reference
    found = {
        "faithfulness": lambda: signals.faithfulness(said, contexts, embedder),
        "answer_relevancy": lambda: signals.answer_relevancy(question, said, embedder),
        "context_precision": lambda: signals.context_precision(signals.useful(wanted, contexts)),
        "context_recall": lambda: signals.context_recall(wanted, contexts, embedder),
        "correctness": lambda: signals.correctness(said, wanted),
    }[name]()
    if found is None:
        raise Unmeasured("no sentence to measure")
    return found
