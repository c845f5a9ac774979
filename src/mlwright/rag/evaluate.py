"""Measure retrieval on questions whose answers are known, with intervals, and compare two ways.

Labels name sources (hits are grouped by source, and k counts sources) or chunk ids (k counts
chunks). A question without a label, or one whose search failed, is unmeasured: it is counted and is
in no mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np

from mlwright.core.errors import DataError, RemoteError
from mlwright.stats.bootstrap import paired_difference
from mlwright.stats.intervals import Interval, wilson

from .measures import measure
from .questions import TestQuestion
from .records import Chunk, Hit

_A_SOURCE_HAS = 10
_WORST = 10
_SHOWN = 3
_FEW = 30


class Finds(Protocol):
    """What is measured; a `Finder`."""

    def find(self, query: str, k: int | None = None, where: Any = None) -> list[Hit]:
        """Return the best hits."""


@dataclass(frozen=True, slots=True)
class Worst:
    """A question that went badly, with what was found instead of what was wanted."""

    query: str
    wanted: tuple[str, ...]
    found: tuple[str, ...]
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return a form for JSON."""
        return {
            "query": self.query,
            "relevant": list(self.wanted),
            "found": list(self.found),
            "ndcg@10": round(self.score, 4),
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured; `scores` has each measure's value a question, by the question's id."""

    k: int
    by: str
    metrics: Mapping[str, Interval]
    categories: Mapping[str, Mapping[str, Interval]]
    latency_ms: Mapping[str, float]
    worst: tuple[Worst, ...]
    unmeasured: Mapping[str, int]
    scores: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `rag evaluate --json` prints."""
        return {
            "queries": len(next(iter(self.scores.values()), {})),
            "unmeasured": sum(self.unmeasured.values()),
            "unmeasured_reasons": dict(self.unmeasured),
            "k": self.k,
            "by": self.by,
            "metrics": _json(self.metrics),
            "categories": {name: _json(found) for name, found in self.categories.items()},
            "latency_ms": dict(self.latency_ms),
            "worst": [each.to_json() for each in self.worst],
        }


def evaluate(
    finder: Finds,
    questions: Sequence[TestQuestion],
    *,
    k: int = 5,
    by: str = "source",
    seed: int = 0,
    progress: Callable[[int], object] = id,
    clock: Callable[[], float] = time.perf_counter,
) -> Evaluation:
    """Ask every question and measure what was found.

    Args:
        finder: what is measured.
        questions: with their labels.
        k: how many sources or chunks count.
        by: `source` or `chunk`: what the labels name.
        seed: of the bootstrap.
        progress: is told after each question how many are done.
        clock: gives seconds.

    Raises:
        DataError: no question could be measured.
    """
    depth = max(k, 10) * (_A_SOURCE_HAS if by == "source" else 1)
    rows: list[tuple[TestQuestion, list[str], dict[str, float]]] = []
    unmeasured: dict[str, int] = {}
    seconds = []
    for done, question in enumerate(questions, 1):
        progress(done)
        if not any(grade > 0 for grade in question.relevant.values()):
            unmeasured["no label"] = unmeasured.get("no label", 0) + 1
            continue
        begun = clock()
        try:
            hits = finder.find(question.text, depth)
        except RemoteError:
            unmeasured["the search failed"] = unmeasured.get("the search failed", 0) + 1
            continue
        seconds.append(clock() - begun)
        ranking = named(hits, question.relevant) if by == "source" else [h.chunk.id for h in hits]
        rows.append((question, ranking, measure(ranking, question.relevant, k)))
    if not rows:
        raise DataError(
            f"none of {len(questions)} questions could be measured: "
            + ", ".join(f"{count} {reason}" for reason, count in unmeasured.items()),
            hint="give each question 'relevant': the sources that answer it",
        )
    return Evaluation(
        k=k,
        by=by,
        metrics=_means([found for _, _, found in rows], seed),
        categories=_categories(rows, seed),
        latency_ms=_latency(seconds),
        worst=_worst(rows),
        unmeasured=unmeasured,
        scores=_scores(rows),
    )


def compare(first: Evaluation, second: Evaluation, *, seed: int = 0) -> dict[str, Interval]:
    """Return by how much the first is better, by measure, on the questions that both measured.

    Raises:
        DataError: fewer than two questions were measured by both.
    """
    found = {}
    for name in first.scores.keys() & second.scores.keys():
        one, other = first.scores[name], second.scores[name]
        both = [question for question in one if question in other]
        if len(both) < 2:
            raise DataError(
                f"{len(both)} questions were measured both ways, and a comparison needs two",
                hint="give more questions with labels",
            )
        values = [one[q] for q in both], [other[q] for q in both]
        found[name] = paired_difference(*values, seed=seed)
    return dict(sorted(found.items()))


def labels_name(
    questions: Sequence[TestQuestion], get: Callable[[Sequence[str]], Sequence[Chunk]]
) -> str:
    """Return `chunk` where the labels are ids of chunks, else `source`."""
    labels = {label for question in questions for label in question.relevant}
    known = len(get(sorted(labels)))
    return "chunk" if known and known * 2 >= len(labels) else "source"


def named(hits: Sequence[Hit], relevant: Mapping[str, int]) -> list[str]:
    """Return the sources of hits, each once, best first, by the name that the labels give them."""
    ranking: dict[str, None] = {}
    for hit in hits:
        chunk = hit.chunk
        ways = ways_to_name(chunk.document, chunk.source)
        ranking.setdefault(next((way for way in ways if way in relevant), chunk.document))
    return list(ranking)


def ways_to_name(document: str, source: str) -> tuple[str, ...]:
    """Return what a label may call a document.

    >>> ways_to_name("d1", "hr/leave.md")
    ('d1', 'hr/leave.md', 'leave.md', 'leave')
    """
    path = PurePosixPath(source)
    return document, source, path.name, path.stem


def mean_interval(values: Sequence[float], *, seed: int = 0) -> Interval:
    """Return the mean of values from 0 to 1, with its 95% interval.

    The bootstrap knows nothing beyond what it has seen: of equal values it makes an interval of no
    width. So few values, and equal ones, are given the interval of as many zeros and ones with
    this mean, which spread at least as far (Wilson 1927).

    >>> mean_interval([1.0, 1.0]).low < 0.4
    True
    """
    count, total = len(values), float(np.sum(values))
    if count < _FEW or min(values) == max(values):
        return wilson(min(total, count), count)
    return paired_difference(values, np.zeros(count), seed=seed)


def _means(found: Sequence[Mapping[str, float]], seed: int) -> dict[str, Interval]:
    return {name: mean_interval([row[name] for row in found], seed=seed) for name in found[0]}


def _categories(
    rows: Sequence[tuple[TestQuestion, list[str], dict[str, float]]], seed: int
) -> dict[str, dict[str, Interval]]:
    groups: dict[str, list[dict[str, float]]] = {}
    for question, _, found in rows:
        if question.category is not None:
            groups.setdefault(question.category, []).append(found)
    return {name: _means(group, seed) for name, group in sorted(groups.items())}


def _worst(rows: Sequence[tuple[TestQuestion, list[str], dict[str, float]]]) -> tuple[Worst, ...]:
    ordered = sorted(rows, key=lambda row: (row[2]["ndcg@10"], row[2]["mrr"]))
    return tuple(
        Worst(q.text, tuple(q.relevant)[:_SHOWN], tuple(ranking[:_SHOWN]), found["ndcg@10"])
        for q, ranking, found in ordered[:_WORST]
        if found["ndcg@10"] < 1
    )


def _scores(
    rows: Sequence[tuple[TestQuestion, list[str], dict[str, float]]],
) -> dict[str, dict[str, float]]:
    return {name: {q.id: found[name] for q, _, found in rows} for name in rows[0][2]}


def _latency(seconds: Sequence[float]) -> dict[str, float]:
    p50, p95, p99 = np.quantile(np.asarray(seconds) * 1e3, [0.5, 0.95, 0.99])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "p99": round(float(p99), 3)}


def _json(metrics: Mapping[str, Interval]) -> dict[str, dict[str, float]]:
    return {name: interval.to_json() for name, interval in metrics.items()}
