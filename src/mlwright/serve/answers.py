"""Answers as the handler makes them: a status, a body, headers; and how refusals look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

JSON = b"application/json"
_PROBLEMS = 20
_NAME = 100

encode = msgspec.json.Encoder().encode


class Part(NamedTuple):
    """A part of a streamed answer; `lines` are in the log before it leaves.

    `counts` are counters of `Metrics`, each with its label and by how much it grows.
    """

    data: bytes
    lines: Sequence[bytes] = ()
    counts: Sequence[tuple[str, str, int]] = ()


class Answer(msgspec.Struct, frozen=True):
    """What is sent back; `kind` names the error for the counter, "" when there is none.

    An answer with a `stream` sends its parts as they come, after `body`.
    """

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = JSON
    kind: str = ""
    stream: AsyncIterator[Part] | None = None


class Refused(Exception):
    """A request that is not answered with a prediction; `problems` maps a field to the reason.

    `headers` go with the answer, whatever its shape.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        reason: str,
        problems: Mapping[str, str] | None = None,
        *,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.kind = kind
        self.reason = reason
        self.problems = dict(problems or {})
        self.headers = headers

    def answer(self) -> Answer:
        """Return the refusal as an answer: never a value of a row, and of bounded size."""
        error: dict[str, Any] = {"reason": self.reason}
        if self.problems:
            shown = self.shown()
            field, reason = next(iter(shown.items()))
            error = {"field": field, "reason": reason, "fields": shown}
            if len(self.problems) > _PROBLEMS:
                error["more"] = len(self.problems) - _PROBLEMS
        return Answer(self.status, encode({"error": error}), self.headers, kind=self.kind)

    def shown(self) -> dict[str, str]:
        """Return the first problems, their fields cut to a bounded length."""
        first = list(self.problems.items())[:_PROBLEMS]
        return {_shown(name): reason for name, reason in first}


def ok(value: Any, *headers: tuple[bytes, bytes]) -> Answer:
    """Return a value as a JSON answer."""
    return Answer(200, encode(value), headers)


def _shown(name: str) -> str:
    return name if len(name) <= _NAME else name[:_NAME] + "…"
