"""What the providers' clients leave open: a limit for the whole answer, and replies that are none.

A client checks little of what a server sends: garbage with status 200 surfaces as whatever error
meets it first, a stream that was cut off ends like a whole one, and a server that sends a byte now
and then holds its caller for ever.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..records import Completion, Usage
from ..retries import CallFailed


def limited() -> dict[str, list[Callable[[Any], None]]]:
    """Return the hooks of an HTTP client whose read timeout is a limit for the whole body too."""
    return {"response": [_limit]}


def _limit(response: Any) -> None:
    seconds = response.request.extensions.get("timeout", {}).get("read")
    if seconds is None:
        return
    wire = sys.modules[type(response).__module__.partition(".")[0]]  # httpx2, or httpx before it
    end, inner = time.monotonic() + seconds, response.stream

    class Limited(wire.SyncByteStream):  # type: ignore[misc,name-defined]
        def __iter__(self) -> Iterator[bytes]:
            for part in inner:
                if time.monotonic() > end:
                    raise wire.ReadTimeout("the time for the whole answer is over")
                yield part

        def close(self) -> None:
            inner.close()

    response.stream = Limited()


def unreadable(service: str, exc: Exception) -> CallFailed:
    """Return the error for what a client did not translate: a broken wire, or a garbled reply."""
    kinds = {each.__name__ for each in type(exc).__mro__}
    if "TimeoutException" in kinds:
        return late(service)
    if "HTTPError" in kinds:
        return broken_off(service)
    return CallFailed(
        f"{service} sent a reply that is none of its protocol ({type(exc).__name__})",
        passing=True,
        hint="does its url lead to such a server?",
    )


def late(service: str) -> CallFailed:
    """Return the error for an answer that did not come, or not end, in time."""
    return CallFailed(f"{service} did not answer in time", passing=True, hint="llm.timeout sets it")


def broken_off(service: str) -> CallFailed:
    """Return the error for an answer that has no end."""
    return CallFailed(f"{service} broke off in its answer", passing=True)


def completed(service: str, text: str, usage: Usage, model: str, stop: str) -> Completion:
    """Return a whole answer.

    Raises:
        CallFailed: it says nothing.
    """
    if text.strip():
        return Completion(text, usage, model, stop)
    hints = {"length": "raise llm.max_tokens: a model that thinks first may use them all up"}
    reason = {"length": "its tokens were used up", "refusal": "it refuses"}.get(stop, "no reason")
    raise CallFailed(
        f"{service} gave an empty answer: {reason}", passing=False, hint=hints.get(stop, "")
    )
