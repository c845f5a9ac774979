"""What callers of the API send, read strictly."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from mlwright.core.errors import ConfigError
from mlwright.serve.answers import Refused
from mlwright.serve.application import Call

from .answer import Question
from .filters import parse

T = TypeVar("T", bound=msgspec.Struct)

LONGEST = 8_000
"""Characters of a question."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]
Many = Annotated[int, msgspec.Meta(ge=1, le=100)]
Where = str | dict[str, str | int | float | bool | list[str | int | float | bool]] | None


class QueryBody(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """`POST /query` and `POST /retrieve`."""

    query: Text
    k: Many | None = None
    filters: Where = None
    stream: bool = False


class FeedbackBody(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """`POST /feedback`."""

    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    score: Annotated[float, msgspec.Meta(ge=-1, le=1)]
    comment: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class ChatMessage(msgspec.Struct, gc=False):
    """A message of a conversation; the content of OpenAI's clients is a text or a list of parts."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    def text(self) -> str:
        """Return the words of the content."""
        if isinstance(self.content, list):
            return "\n".join(
                str(p.get("text", "")) for p in self.content if p.get("type") == "text"
            )
        return self.content or ""


class ChatBody(msgspec.Struct, gc=False):
    """`POST /v1/chat/completions`; what else OpenAI's clients send is left aside.

    `k` and `filters` are ours.
    """

    messages: list[ChatMessage]
    model: str = ""
    stream: bool = False
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    stream_options: dict[str, Any] | None = None
    k: Many | None = None
    filters: Where = None


def read(call: Call, kind: type[T]) -> T:
    """Read a body.

    Raises:
        Refused: 400 for what is no JSON, 422 for another shape.
    """
    try:
        return msgspec.json.decode(call.body, type=kind)
    except msgspec.ValidationError as exc:
        reason, _, place = str(exc).partition(" - at ")
        field = place.strip("`").removeprefix("$").removeprefix(".") or "body"
        raise Refused(422, "shape", "", {field: reason}) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "json", "the body is not JSON") from None


def question(body: QueryBody, k: int) -> Question:
    """Return what a query asks.

    Raises:
        Refused: 422, it asks nothing.
    """
    return Question(_asked(body.query, "query"), body.k or k, where(body.filters))


def conversation(body: ChatBody, k: int, longest: int) -> Question:
    """Return what a conversation's last message asks, with what went before.

    A caller's system messages are left out: the rules for answers are the index's own. `longest` is
    the most tokens that an answer may have.

    Raises:
        Refused: 422, the last message is not a user's, or asks nothing.
    """
    said = [each for each in body.messages if each.role in ("user", "assistant")]
    if not said or said[-1].role != "user":
        raise Refused(422, "shape", "", {"messages": "the last one must be the user's"})
    options: dict[str, Any] = {}
    asked = body.max_completion_tokens or body.max_tokens
    if asked is not None:
        options["max_tokens"] = min(asked, longest)
    if body.temperature is not None:
        options["temperature"] = body.temperature
    history = tuple({"role": each.role, "content": each.text()} for each in said[:-1])
    text = _asked(said[-1].text(), "messages")
    if len(text) > LONGEST:
        raise Refused(422, "shape", "", {"messages": f"the last has over {LONGEST} characters"})
    return Question(text, body.k or k, where(body.filters), history, options)


def where(filters: Where) -> Where:
    """Return a filter that `rag.filters` can read.

    Raises:
        Refused: 422, it is not of that language.
    """
    try:
        parse(filters)
    except ConfigError as exc:
        raise Refused(422, "shape", "", {"filters": str(exc)}) from None
    return filters


def _asked(text: str, field: str) -> str:
    if not text.strip():
        raise Refused(422, "shape", "", {field: "asks nothing"})
    return text.strip()
