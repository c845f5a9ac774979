"""One question in several phrasings, by a language model, so that other words find it too.

What each phrasing finds is joined by rank (as RAG-Fusion, Rackauckas 2024). A model that fails
costs nothing but its help: the question alone is searched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mlwright.core.errors import ConfigError, RemoteError

from .fuse import by_rank
from .llms.chain import Chain
from .paying import Call, Purse, Spent
from .prompts import shipped
from .records import Hit
from .tokens import approximate

_MARK = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.):])\s*")
_LONGEST = 300
_TOKENS = 60


class Phrasings:
    """Asks a chain of models for `count` other phrasings of a question."""

    def __init__(self, chain: Chain, purse: Purse, count: int) -> None:
        self._chain, self._purse, self._count = chain, purse, count
        self._rules = shipped("phrasings").text.replace("{count}", str(count))

    def of(
        self, question: str, history: Sequence[Mapping[str, str]] = ()
    ) -> tuple[list[str], Spent]:
        """Return the phrasings, none where the model failed, and what they cost.

        Raises:
            BudgetSpent: the day's budget has no room for it.
        """
        messages = [
            {"role": "system", "content": self._rules},
            *({"role": each["role"], "content": each["content"]} for each in history),
            {"role": "user", "content": question},
        ]
        tokens = sum(approximate(each["content"]) for each in messages)
        options = {"max_tokens": _TOKENS * self._count}
        call = Call()
        try:
            with self._purse.paid(tokens, options, call):
                call.done = self._chain.complete(messages, options, asked=call.ask)
        except RemoteError:
            return [], Spent()
        return lines(call.done.text, question)[: self._count], Spent(
            call.done.usage, self._purse.cost(call)
        )


def unphrased(where: str) -> ConfigError:
    """Return the refusal of a configuration that wants phrasings and has nobody to write them."""
    return ConfigError(
        f"{where}: retrieval.phrasings: needs a language model, and llm names none",
        hint="llm: {provider: openai, model: gpt-4o-mini}; retrieval.feedback needs none",
    )


def lines(text: str, question: str) -> list[str]:
    """Read one phrasing a line, whatever marks stand before it; the question itself is left out.

    >>> lines("1. How long do refunds take?\\n- Refund time\\n\\nrefund time", "Refunds?")
    ['How long do refunds take?', 'Refund time']
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        bare = _MARK.sub("", line).strip().strip("\"'“”").strip()
        if bare and len(bare) <= _LONGEST and bare.casefold() != question.strip().casefold():
            found.setdefault(bare.casefold(), bare)
    return list(found.values())


def joined(found: Sequence[Sequence[Hit]], k: int) -> list[Hit]:
    """Return the best k of the hits of several phrasings, by the ranks they had.

    A hit's parts are the highest of any phrasing; its text is the first phrasing's.
    """
    hits: dict[str, Hit] = {}
    parts: dict[str, dict[str, float]] = {}
    for each in found:
        for hit in each:
            name = hit.chunk.id
            hits.setdefault(name, hit)
            best = parts.setdefault(name, {})
            for way, score in hit.scores.items():
                best[way] = max(score, best.get(way, score))
    ranking = by_rank([[(hit.chunk.id, hit.score) for hit in each] for each in found])[:k]
    return [
        Hit(hits[name].chunk, score, rank, parts[name])
        for rank, (name, score) in enumerate(ranking, 1)
    ]
