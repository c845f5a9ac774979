"""What a call of a chain of models costs, and that the day's budget has room for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from .llms.chain import Chain, Member
from .records import Answer, Completion, Usage
from .spend import Budget, needed_price, price


@dataclass
class Call:
    """What became of a call: the model that was asked last, and what it answered."""

    member: Member | None = None
    done: Completion | None = None
    streamed: bool = False

    def ask(self, member: Member) -> None:
        """Note the model that is asked now."""
        self.member = member


class Purse:
    """Pays for the calls of one chain: by the table of prices, and from the budget if there is one.

    Raises:
        ConfigError: there is a budget, and the price of a model is not known.
    """

    def __init__(
        self, chain: Chain, prices: Mapping[str, tuple[float, float]], budget: Budget | None
    ) -> None:
        self._settings = [member.settings for member in chain.members]
        self._prices = prices
        self._budget = budget
        if budget is not None:
            for each in self._settings:
                needed_price(each.model, prices)

    @contextmanager
    def paid(self, tokens: int, options: Mapping[str, Any], call: Call) -> Iterator[None]:
        """Reserve the most that a call can cost; what it did not cost is given back.

        Args:
            tokens: that are sent.
            options: of the call.
            call: what becomes of it.

        Raises:
            BudgetSpent: the day has no room for it.
        """
        if self._budget is None:
            yield
            return
        most = max(
            needed_price(each.model, self._prices).of(
                Usage(tokens, options.get("max_tokens", each.max_tokens))
            )
            for each in self._settings
        )
        day = self._budget.reserve(most)
        try:
            yield
        finally:
            # Of a stream that broke off nobody knows the cost; it counts as the most.
            began = call.member is not None and call.done is None and call.streamed
            self._budget.settle(day, most, most if began else (self.cost(call) or 0.0))

    def cost(self, call: Call) -> float | None:
        """Return what a call cost, in dollars; None where its price is not known."""
        if call.done is None or call.member is None:
            return None
        own = self._prices
        found = price(call.member.settings.model, own) or price(call.done.model, own)
        return None if found is None else found.of(call.done.usage)


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent on the way to an answer, before it was written."""

    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0

    def added(self, answer: Answer) -> Answer:
        """Return the answer with this added to what it says it cost."""
        if self == Spent():
            return answer
        usage = Usage(
            answer.usage.prompt_tokens + self.usage.prompt_tokens,
            answer.usage.completion_tokens + self.usage.completion_tokens,
        )
        known = answer.cost is not None and self.cost is not None
        cost = (answer.cost or 0.0) + (self.cost or 0.0) if known else None
        return replace(answer, usage=usage, cost=cost)
