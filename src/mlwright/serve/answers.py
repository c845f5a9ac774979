"""Answers as the handler makes them: a status, a body, headers; and how refusals look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

JSON = b"application/json"
_PROBLEMS = 20
_NAME = 100

encode = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """What is sent back; `kind` names the error for the counter, "" when there is none."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = JSON
    kind: str = ""


class Refused(Exception):
    """A request that is not answered with a prediction; `problems` maps a field to the reason."""

    def __init__(
        self, status: int, kind: str, reason: str, problems: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.kind = kind
        self.reason = reason
        self.problems = dict(problems or {})

    def answer(self, *headers: tuple[bytes, bytes]) -> Answer:
        """Return the refusal as an answer: never a value of a row, and of bounded size."""
        error: dict[str, Any] = {"reason": self.reason}
        if self.problems:
            named = {_shown(name): reason for name, reason in self.problems.items()}
            shown = dict(list(named.items())[:_PROBLEMS])
            field, reason = next(iter(shown.items()))
            error = {"field": field, "reason": reason, "fields": shown}
            if len(named) > _PROBLEMS:
                error["more"] = len(named) - _PROBLEMS
        return Answer(self.status, encode({"error": error}), headers, kind=self.kind)


def ok(value: Any, *headers: tuple[bytes, bytes]) -> Answer:
    """Return a value as a JSON answer."""
    return Answer(200, encode(value), headers)


def _shown(name: str) -> str:
    return name if len(name) <= _NAME else name[:_NAME] + "…"
