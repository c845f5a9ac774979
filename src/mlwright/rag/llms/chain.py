"""Several models in order: the next is asked when one fails, and the price of each is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlwright.core.errors import RemoteError

from ..config_answers import Llm, Model
from ..records import LLM, Completion
from . import LLMS, check_model

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Member:
    """One model of a chain, opened."""

    settings: Model
    llm: LLM


class Chain:
    """Asks its models in order until one answers; `asked` is told each one before it is called."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)

    @classmethod
    def of(cls, settings: Llm) -> Chain:
        """Open every model that the settings name.

        Raises:
            UnknownBackend: no provider has that name.
            MissingExtra: the provider's package is not installed.
            ConfigError: a key or an address is missing.
        """
        return cls([_opened(each) for each in (settings, *settings.fallback)])

    def complete(
        self,
        messages: Messages,
        options: Mapping[str, Any],
        *,
        asked: Callable[[Member], None] = lambda _: None,
    ) -> Completion:
        """Return the first whole answer.

        Raises:
            RemoteError: all of them failed; the last failure.
        """
        found: Completion = self._first(
            asked, lambda member: member.llm.complete(messages, options)
        )
        return found

    def stream(
        self,
        messages: Messages,
        options: Mapping[str, Any],
        *,
        asked: Callable[[Member], None] = lambda _: None,
    ) -> Iterator[str | Completion]:
        """Yield the pieces of the first model that begins to answer, and last its Completion.

        Raises:
            RemoteError: none began, or the one that had begun broke off.
        """

        def begin(member: Member) -> tuple[str | Completion, Iterator[str | Completion]]:
            pieces = member.llm.stream(messages, options)
            return next(pieces), pieces

        first, rest = self._first(asked, begin)
        yield first
        yield from rest

    def _first(self, asked: Callable[[Member], None], call: Callable[[Member], Any]) -> Any:
        for member in self.members:
            asked(member)
            try:
                return call(member)
            except RemoteError:
                if member is self.members[-1]:
                    raise
        raise AssertionError("a chain has a member")


def _opened(settings: Model) -> Member:
    opener = LLMS.load(settings.provider)
    check_model(settings)
    return Member(settings, opener(settings))
