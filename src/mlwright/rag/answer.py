"""From a question to an answer: find, judge the evidence, ask or extract, check citations."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from mlwright.core.errors import RemoteError

from .citations import Checker
from .config_answers import EXTRACTIVE, Answers, Llm
from .evidence import DEFAULT_MINIMUM, evidence
from .extractive import extract
from .llms.chain import Chain
from .paying import Call, Purse, Spent
from .phrasings import Phrasings, joined, unphrased
from .prompts import Asked, Prompt, ask, shipped
from .records import Answer, Citation, Completion, Embedder, Hit, Kind, Usage
from .spend import Budget
from .stopwatch import Stopwatch
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
    """Answers questions from one version of an index.

    `phrasings` is in how many other ways a language model asks each question before it is searched.
    """

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
        phrasings: int = 0,
    ) -> None:
        self.llm = llm or Llm()
        self.answers = answers or Answers()
        self._finder = finder
        self._prompt = prompt or shipped("answer")
        self.embedder = embedder
        models = self.llm.models
        if chain is None and models:
            first, *rest = models
            chain = Chain.of(Llm(**first.model_dump(exclude={"fallback"}), fallback=tuple(rest)))
        self._chain = chain
        self._purse = None if chain is None else Purse(chain, self.answers.prices, budget)
        # Extractive as the last of a chain answers when every model fails.
        self._ends_extractive = (
            bool(models)
            and self.llm.fallback[-1:] != ()
            and (self.llm.fallback[-1].provider == EXTRACTIVE)
        )
        minimum = self.answers.minimum_evidence
        self._minimum = DEFAULT_MINIMUM if minimum is None else minimum
        self._phrasings = self._phrased(phrasings) if phrasings else None

    def _phrased(self, count: int) -> Phrasings:
        if self._chain is None or self._purse is None:
            raise unphrased("the configuration")
        return Phrasings(self._chain, self._purse, count)

    def ask(self, question: Question) -> Answer:
        """Return the answer.

        Raises:
            RemoteError: no model answered.
            BudgetSpent: the day's budget has no room for it.
        """
        watch = Stopwatch()
        hits, spent = self._found(question, watch)
        return spent.added(self._answered(question, hits, watch))

    def stream(self, question: Question) -> Iterator[str | Answer]:
        """Yield checked pieces of the text, and last the Answer.

        Raises:
            RemoteError: no model began to answer, or the one that had begun broke off.
            BudgetSpent: the day's budget has no room for it.
        """
        watch = Stopwatch()
        hits, spent = self._found(question, watch)
        with closing(self._streamed(question, hits, watch)) as pieces:
            for piece in pieces:
                yield piece if isinstance(piece, str) else spent.added(piece)

    def retrieved(self, question: Question) -> Answer:
        """Return the hits of a question as an answer that says nothing."""
        watch = Stopwatch()
        hits, spent = self._found(question, watch)
        return spent.added(_local("", "unknown", (), hits, watch))

    def warm(self) -> None:
        """Find something, so that what is loaded late is loaded now; no model is asked."""
        self._finder.find("warm", 1)

    def _found(self, question: Question, watch: Stopwatch) -> tuple[list[Hit], Spent]:
        """Return the hits of a question in all its phrasings, and what the phrasings cost."""
        texts, spent = [question.text], Spent()
        if self._phrasings is not None:
            with watch.of("phrase"):
                more, spent = self._phrasings.of(question.text, self._past(question))
            texts += more
        with watch.of("find"):
            found = [self._finder.find(text, question.k, question.where) for text in texts]
        return (found[0] if len(found) == 1 else joined(found, question.k)), spent

    def _answered(self, question: Question, hits: Sequence[Hit], watch: Stopwatch) -> Answer:
        if evidence(hits, question.text) < self._minimum:
            return _local(UNKNOWN, "unknown", (), hits, watch)
        if self._chain is None or self._purse is None:
            return self._extracted(question, hits, watch)
        asked, call = self._asked(self._chain, question, hits), Call()
        try:
            with self._purse.paid(asked.tokens, question.options, call), watch.of("llm"):
                done = self._chain.complete(asked.messages, question.options, asked=call.ask)
                call.done = done
        except RemoteError:
            if not self._ends_extractive:
                raise
            return self._extracted(question, hits, watch)
        checker = Checker(asked.hits)
        text = checker.feed(done.text) + checker.end()
        return self._written(text, checker, hits, call, watch)

    def _streamed(
        self, question: Question, hits: Sequence[Hit], watch: Stopwatch
    ) -> Generator[str | Answer]:
        if evidence(hits, question.text) < self._minimum or self._chain is None:
            yield from _whole(self._answered(question, hits, watch))
            return
        assert self._purse  # noqa: S101  # made with the chain
        asked, call = self._asked(self._chain, question, hits), Call()
        checker, text = Checker(asked.hits), []
        try:
            with self._purse.paid(asked.tokens, question.options, call), watch.of("llm"):
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
            yield from _whole(self._extracted(question, hits, watch))
            return
        yield self._written("".join(text), checker, hits, call, watch)

    def _past(self, question: Question) -> Sequence[Mapping[str, str]]:
        return question.history[-self.answers.history :] if self.answers.history else ()

    def _asked(self, chain: Chain, question: Question, hits: Sequence[Hit]) -> Asked:
        settings = [member.settings for member in chain.members]
        room = min(each.context_tokens - each.max_tokens for each in settings)
        first = settings[0]
        return ask(
            self._prompt,
            question.text,
            hits,
            counter=counter(first.provider, first.model),
            room=max(room, 300),
            history=self._past(question),
        )

    def _written(
        self, text: str, checker: Checker, hits: Sequence[Hit], call: Call, watch: Stopwatch
    ) -> Answer:
        done, member = call.done, call.member
        assert done and member and self._purse  # noqa: S101, PT018
        unknown = text.strip().lower().startswith(_SAYS_UNKNOWN) and len(text) < 200
        return Answer(
            text=text.strip(),
            citations=() if unknown else tuple(checker.citations),
            hits=tuple(hits),
            kind="unknown" if unknown else "llm",
            removed_citations=checker.removed,
            usage=done.usage,
            cost=self._purse.cost(call),
            timings_ms=watch.read(),
            provider=member.settings.provider,
            model=done.model,
        )

    def _extracted(self, question: Question, hits: Sequence[Hit], watch: Stopwatch) -> Answer:
        with watch.of("extract"):
            text, citations = extract(
                question.text, hits, count=self.answers.sentences, embedder=self.embedder
            )
        if not citations:
            return _local(UNKNOWN, "unknown", (), hits, watch)
        return _local(text, "extractive", citations, hits, watch)


def _local(
    text: str, kind: Kind, citations: tuple[Citation, ...], hits: Sequence[Hit], watch: Stopwatch
) -> Answer:
    return Answer(text, citations, tuple(hits), kind, 0, Usage(), 0.0, watch.read(), EXTRACTIVE, "")


def _whole(answer: Answer) -> Iterator[str | Answer]:
    yield answer.text
    yield answer
