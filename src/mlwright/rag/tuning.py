"""Search for a better configuration of an index on the user's own questions.

What is measured is kept line by line, so that a search that was ended goes on where it was; the
embeddings are those of the workspace's cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from mlwright.core.errors import DataError
from mlwright.core.workspace import Workspace
from mlwright.stats.bootstrap import paired_difference
from mlwright.stats.intervals import Interval

from .config import Chunking, RagConfig
from .config_answers import EXTRACTIVE
from .evaluate import labels_name, mean_interval, named
from .find import Finder
from .measures import ndcg, recall
from .parts import Making, open_making
from .questions import TestQuestion
from .records import Chunk, Hit
from .spend import price
from .tokens import approximate
from .tuning_choice import DEPTHS, Choice, Row, Rows, choose, hits_wanted
from .tuning_corpus import Corpus, chunks_of, cut, read_corpus
from .tuning_record import Record
from .tuning_space import Candidate, candidates

LEAST = 10
"""Questions with labels, below which nothing can be told apart."""

_DEEP = 100

Say = Callable[[str], None]


class OutOfTime(Exception):
    """The time for the search is over."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One configuration's figures; `difference` is to the present one, and not adjusted."""

    candidate: Candidate
    quality: Interval
    difference: Interval
    recall: tuple[float, ...]
    tokens: tuple[float, ...]
    p50_ms: float

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `rag tune --json` prints of each."""
        return {
            **self.candidate.to_json(),
            "ndcg@10": self.quality.to_json(),
            "difference": self.difference.to_json(),
            "p50_ms": round(self.p50_ms, 3),
            "by_hits": [
                {"k": k, "recall": round(found, 4), "context_tokens": round(tokens)}
                for k, found, tokens in zip(DEPTHS, self.recall, self.tokens, strict=True)
            ],
        }


@dataclass(frozen=True, slots=True)
class Tuned:
    """The outcome: `tried` has the present configuration first; `better` is what to write."""

    tried: tuple[Tried, ...]
    planned: int
    questions: int
    choice: Choice
    k: int
    k_gain: Interval | None
    better: RagConfig
    read_price: float | None
    seconds: float

    @property
    def chosen(self) -> Tried:
        """Return what to take: the best, if it is better than the present one."""
        return self.tried[self.choice.best if self.choice.is_better else 0]

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `rag tune --json` prints."""
        best = self.tried[self.choice.best]
        return {
            "questions": self.questions,
            "tried": len(self.tried),
            "planned": self.planned,
            "gain": self.choice.gain.to_json(),
            "within_noise": not self.choice.is_better,
            "best": best.to_json(),
            "present": self.tried[0].to_json(),
            "k": self.k,
            "k_gain": None if self.k_gain is None else self.k_gain.to_json(),
            "read_price": self.read_price,
            "candidates": [each.to_json() for each in self.tried],
            "seconds": round(self.seconds, 3),
        }


def tune(
    workspace: Workspace,
    config: RagConfig,
    questions: Sequence[TestQuestion],
    *,
    folds: int = 5,
    timeout: float | None = None,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Tuned:
    """Try ways to cut and to find, and say whether one is better than the present one.

    Args:
        workspace: keeps embeddings, and what was measured before.
        config: the present configuration, with its documents.
        questions: with labels.
        folds: of the questions, each judged by a choice that did not see it.
        timeout: seconds after which no further candidate is begun; the present one always is.
        seed: of folds and intervals.
        say: takes a line of progress now and then.

    Raises:
        DataError: fewer than ten questions have a label, or no document can be read.
    """
    begun = time.monotonic()
    asked = [each for each in questions if any(grade > 0 for grade in each.relevant.values())]
    if len(asked) < max(LEAST, folds):
        raise DataError(
            f"{len(asked)} of {len(questions)} questions have a label, and a search needs "
            f"{max(LEAST, folds)}",
            hint="give each question 'relevant': the sources that answer it",
        )
    corpus, making = read_corpus(config, say), open_making(config, workspace, say)
    by = _labels_name(asked, corpus, config, making)
    recut = by == "source" and not corpus.prepared
    plan = candidates(config, embedded=making.embedder is not None, recut=recut)
    record = Record.of(workspace, corpus, asked, making)

    def check() -> None:
        # Without the present configuration there is nothing to compare with.
        if timeout is not None and plan[0] in record and time.monotonic() - begun > timeout:
            raise OutOfTime

    search = _Search(corpus, making, asked, by, record, check, say)
    try:
        for chunking, group in groupby(plan, lambda each: each.chunking):
            search.run(chunking, list(group))
    except OutOfTime:
        say("the time is over; run the command again to go on from here")
    measured = [(each, record[each]) for each in plan if each in record]
    choice = choose([rows for _, rows in measured], folds=folds, seed=seed)
    best, rows = measured[choice.best if choice.is_better else 0]
    k, k_gain = hits_wanted(rows, config.retrieval.k, seed=seed)
    return Tuned(
        tried=tuple(_tried(each, found, measured[0][1], seed) for each, found in measured),
        planned=len(plan),
        questions=len(asked),
        choice=choice,
        k=k,
        k_gain=k_gain,
        better=_changed(config, best, k),
        read_price=_read_price(config),
        seconds=time.monotonic() - begun,
    )


@dataclass
class _Search:
    corpus: Corpus
    making: Making
    asked: Sequence[TestQuestion]
    by: str
    record: Record
    check: Callable[[], None]
    say: Say

    def run(self, chunking: Chunking, group: Sequence[Candidate]) -> None:
        """Measure those of one way to cut that were not measured before."""
        missing = [each for each in group if each not in self.record]
        if not missing:
            return
        with cut(self.corpus, chunking, self.making, say=self.say, check=self.check) as made:
            for each in missing:
                self.check()
                self.say(f"measuring {each}")
                self.record.keep(each, self._measured(made.finder(each.retrieval)))

    def _measured(self, finder: Finder) -> dict[str, Row]:
        finder.find(self.asked[0].text, 1)  # what is loaded late is not counted
        return {str(place): self._row(finder, each) for place, each in enumerate(self.asked)}

    def _row(self, finder: Finder, question: TestQuestion) -> Row:
        begun = time.perf_counter()
        hits = finder.find(question.text, _DEEP)
        taken = round((time.perf_counter() - begun) * 1000, 3)
        wanted = question.relevant
        sizes = [approximate(hit.chunk.text) for hit in hits[: DEPTHS[-1]]]
        firsts = [self._named(hits[:k], wanted) for k in DEPTHS]
        return Row(
            quality=ndcg(self._named(hits, wanted), wanted, 10),
            recall=tuple(recall(first, wanted, len(first)) for first in firsts),
            tokens=tuple(sum(sizes[:k]) for k in DEPTHS),
            milliseconds=taken,
        )

    def _named(self, hits: Sequence[Hit], wanted: Mapping[str, int]) -> list[str]:
        return [hit.chunk.id for hit in hits] if self.by == "chunk" else named(hits, wanted)


def _labels_name(
    asked: Sequence[TestQuestion], corpus: Corpus, config: RagConfig, making: Making
) -> str:
    def get(labels: Sequence[str]) -> list[Chunk]:
        wanted = set(labels)
        found = chunks_of(corpus, config.chunking, making)
        return [chunk for chunk in found if chunk.id in wanted]

    return labels_name(asked, get)


def _tried(candidate: Candidate, rows: Rows, present: Rows, seed: int) -> Tried:
    names = sorted(rows)
    quality = [rows[name].quality for name in names]
    return Tried(
        candidate,
        mean_interval(quality, seed=seed),
        paired_difference(quality, [present[name].quality for name in names], seed=seed),
        tuple(float(each) for each in np.mean([row.recall for row in rows.values()], axis=0)),
        tuple(float(each) for each in np.mean([row.tokens for row in rows.values()], axis=0)),
        float(np.median([row.milliseconds for row in rows.values()])),
    )


def _changed(config: RagConfig, best: Candidate, k: int) -> RagConfig:
    retrieval = best.retrieval.model_copy(update={"k": k})
    return config.model_copy(update={"chunking": best.chunking, "retrieval": retrieval})


def _read_price(config: RagConfig) -> float | None:
    if config.llm.provider == EXTRACTIVE:
        return 0.0
    found = price(config.llm.model, config.answers.prices)
    return None if found is None else found.read
