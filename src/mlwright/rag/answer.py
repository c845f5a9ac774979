"""From a question to an answer: find, judge the evidence, ask or extract, check citations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec

from mlwright.core.errors import RemoteError

from .citations import Checker
from .config_answers import EXTRACTIVE, Answers, Llm
from .evidence import DEFAULT_MINIMUM, evidence
from .extractive import extract
from .llms.chain import Chain, Member
from .prompts import Asked, Prompt, ask, shipped
from .records import Answer, Citation, Completion, Embedder, Hit, Kind, Usage
from .spend import Budget, needed_price, price
from .tokens import counter

UNKNOWN = "I don't know: the documents say too little about this."
_SAYS_UNKNOWN = ("i don't know", "i don\u2019t know", "i do not know")


class Finds(Protocol):
    """Finds chunks; a `rag.find.Finder`."""

    def find(self, query: str, k: int | None = None, where: Any = None) -> list[Hit]:
        """Return the best hits, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the words, how many hits, a filter, and the conversation before it."""

    text: str
    k: int = 5
    where: str | Mapping[str, Any] | None = None
    history: tuple[Mapping[str, str], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


class Answerer:
    """Answers questions from one version of an index."""

    def __init__(
        self,
        finder: Finds,
        llm: Llm | None = None,
        answers: Answers | None = None,
        *,
        prompt: Prompt | None = None,
        chain: Chain | None = None,
        embedder: Embedder | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.llm = llm or Llm()
        self.answers = answers or Answers()
        self._finder = finder
        self._prompt = prompt or shipped("answer")
        self.embedder = embedder
        self._budget = budget
        models = [each for each in (self.llm, *self.llm.fallback) if each.provider != EXTRACTIVE]
        if chain is None and models:
            first, *rest = models
            chain = Chain.of(Llm(**first.model_dump(exclude={"fallback"}), fallback=tuple(rest)))
        self._chain = chain
        # Extractive as the last of a chain answers when every model fails.
        self._ends_extractive = (
            bool(models)
            and self.llm.fallback[-1:] != ()
            and (self.llm.fallback[-1].provider == EXTRACTIVE)
        )
        minimum = self.answers.minimum_evidence
        self._minimum = DEFAULT_MINIMUM if minimum is None else minimum
        if budget is not None and chain is not None:
            for member in chain.members:
                needed_price(member.settings.model, self.answers.prices)

    def ask(self, question: Question) -> Answer:
        """Return the answer.

        Raises:
            RemoteError: no model answered.
            BudgetSpent: the day's budget has no room for it.
        """
        watch = _Watch()
        hits = self.find(question, watch)
        if evidence(hits, question.text) < self._minimum:
            return self._unknown(hits, watch)
        if self._chain is None:
            return self._extracted(question, hits, watch)
        asked, call = self._asked(question, hits), _Call()
        try:
            with self._paid(asked, question, call), watch.of("llm"):
                done = self._chain.complete(asked.messages, question.options, asked=call.ask)
                call.done = done
        except RemoteError:
            if not self._ends_extractive:
                raise
            return self._extracted(question, hits, watch)
        checker = Checker(asked.hits)
        text = checker.feed(done.text) + checker.end()
        return self._written(text, checker, hits, call, watch)

    def stream(self, question: Question) -> Iterator[str | Answer]:
        """Yield checked pieces of the text, and last the Answer.

        Raises:
            RemoteError: no model began to answer, or the one that had begun broke off.
            BudgetSpent: the day's budget has no room for it.
        """
        watch = _Watch()
        hits = self.find(question, watch)
        weak = evidence(hits, question.text) < self._minimum
        if weak or self._chain is None:
            found = self._unknown(hits, watch) if weak else self._extracted(question, hits, watch)
            yield found.text
            yield found
            return
        yield from self._streamed(question, hits, watch)

    def find(self, question: Question, watch: _Watch | None = None) -> list[Hit]:
        """Return the hits of a question."""
        with (watch or _Watch()).of("find"):
            return self._finder.find(question.text, question.k, question.where)

    def retrieved(self, question: Question) -> Answer:
        """Return the hits of a question as an answer that says nothing."""
        watch = _Watch()
        return _local("", "unknown", (), self.find(question, watch), watch)

    def _streamed(
        self, question: Question, hits: Sequence[Hit], watch: _Watch
    ) -> Iterator[str | Answer]:
        assert self._chain is not None  # noqa: S101
        asked, call = self._asked(question, hits), _Call()
        checker, text = Checker(asked.hits), []
        try:
            with self._paid(asked, question, call), watch.of("llm"):
                for piece in self._chain.stream(asked.messages, question.options, asked=call.ask):
                    call.streamed = True
                    if isinstance(piece, Completion):
                        call.done = piece
                        shown = checker.end()
                    else:
                        shown = checker.feed(piece)
                    text.append(shown)
                    if shown:
                        yield shown
        except RemoteError:
            if not self._ends_extractive or any(text):
                raise
            found = self._extracted(question, hits, watch)
            yield found.text
            yield found
            return
        yield self._written("".join(text), checker, hits, call, watch)

    def _asked(self, question: Question, hits: Sequence[Hit]) -> Asked:
        assert self._chain is not None  # noqa: S101
        settings = [member.settings for member in self._chain.members]
        room = min(each.context_tokens - each.max_tokens for each in settings)
        first = settings[0]
        return ask(
            self._prompt,
            question.text,
            hits,
            counter=counter(first.provider, first.model),
            room=max(room, 300),
            history=question.history[-self.answers.history :] if self.answers.history else (),
        )

    @contextmanager
    def _paid(self, asked: Asked, question: Question, call: _Call) -> Iterator[None]:
        """Reserve the most that a call can cost; what it did not cost is given back."""
        if self._budget is None or self._chain is None:
            yield
            return
        most = max(
            needed_price(each.settings.model, self.answers.prices).of(
                Usage(asked.tokens, question.options.get("max_tokens", each.settings.max_tokens))
            )
            for each in self._chain.members
        )
        day = self._budget.reserve(most)
        try:
            yield
        finally:
            # Of a stream that broke off nobody knows the cost; it counts as the most.
            began = call.member is not None and call.done is None and call.streamed
            cost = most if began else (self._cost(call) or 0.0)
            self._budget.settle(day, most, cost)

    def _cost(self, call: _Call) -> float | None:
        if call.done is None or call.member is None:
            return None
        own = self.answers.prices
        found = price(call.member.settings.model, own) or price(call.done.model, own)
        return None if found is None else found.of(call.done.usage)

    def _written(
        self, text: str, checker: Checker, hits: Sequence[Hit], call: _Call, watch: _Watch
    ) -> Answer:
        done, member = call.done, call.member
        assert done is not None and member is not None  # noqa: S101, PT018
        unknown = text.strip().lower().startswith(_SAYS_UNKNOWN) and len(text) < 200
        return Answer(
            text=text.strip(),
            citations=() if unknown else tuple(checker.citations),
            hits=tuple(hits),
            kind="unknown" if unknown else "llm",
            removed_citations=checker.removed,
            usage=done.usage,
            cost=self._cost(call),
            timings_ms=watch.read(),
            provider=member.settings.provider,
            model=done.model,
        )

    def _extracted(self, question: Question, hits: Sequence[Hit], watch: _Watch) -> Answer:
        with watch.of("extract"):
            text, citations = extract(
                question.text, hits, count=self.answers.sentences, embedder=self.embedder
            )
        if not citations:
            return self._unknown(hits, watch)
        return _local(text, "extractive", citations, hits, watch)

    def _unknown(self, hits: Sequence[Hit], watch: _Watch) -> Answer:
        return _local(UNKNOWN, "unknown", (), hits, watch)


def _local(
    text: str, kind: Kind, citations: tuple[Citation, ...], hits: Sequence[Hit], watch: _Watch
) -> Answer:
    return Answer(text, citations, tuple(hits), kind, 0, Usage(), 0.0, watch.read(), EXTRACTIVE, "")


def shown(answer: Answer) -> dict[str, Any]:
    """Return an answer as it is printed and sent."""
    return {
        "answer": answer.text,
        "kind": answer.kind,
        "citations": [shown_citation(each) for each in answer.citations],
        "hits": [shown_hit(each) for each in answer.hits],
        "timings_ms": dict(answer.timings_ms),
        "cost": answer.cost,
        "usage": msgspec.to_builtins(answer.usage),
        "provider": answer.provider,
        "model": answer.model,
        "cached": answer.cached,
        "removed_citations": answer.removed_citations,
    }


def shown_citation(each: Citation) -> dict[str, Any]:
    """Return a citation as it is printed and sent."""
    return {
        "number": each.number,
        "source": each.source,
        "title": each.title,
        "page": each.page,
        "span": [each.start, each.end],
        "text": each.text,
        "chunk": each.chunk,
    }


def shown_hit(hit: Hit) -> dict[str, Any]:
    """Return a hit as it is printed and sent."""
    chunk = hit.chunk
    return {
        "id": chunk.id,
        "source": chunk.source,
        "title": chunk.title,
        "page": chunk.page,
        "span": [chunk.start, chunk.end],
        "score": hit.score,
        "scores": dict(hit.scores),
        "text": chunk.text,
        "metadata": dict(chunk.metadata),
    }


_decoder = msgspec.json.Decoder(Answer)


def packed(answer: Answer) -> bytes:
    """Return an answer as bytes that `unpacked` reads back."""
    return msgspec.json.encode(answer)


def unpacked(data: bytes) -> Answer:
    """Read an answer that was kept; it cost nothing this time."""
    found = _decoder.decode(data)
    return replace(found, cached=True, cost=0.0, usage=Usage(), timings_ms={})


class _Call:
    """What became of a call: the model that was asked last, and what it answered."""

    def __init__(self) -> None:
        self.member: Member | None = None
        self.done: Completion | None = None
        self.streamed = False

    def ask(self, member: Member) -> None:
        self.member = member


class _Watch:
    """Milliseconds by part."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = clock()
        self._parts: dict[str, float] = {}

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        began = self._clock()
        try:
            yield
        finally:
            self._parts[part] = round((self._clock() - began) * 1000, 3)

    def read(self) -> dict[str, float]:
        return {**self._parts, "total": round((self._clock() - self._began) * 1000, 3)}
