"""Calls to a service that may be busy: tried again with back-off, within a limit of time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

from mlwright.core import clock
from mlwright.core.errors import RemoteError

T = TypeVar("T")

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that may be another one next time."""


class CallFailed(RemoteError):
    """A service refused or failed; `passing` says whether it is worth another try.

    `after` is how many seconds the service asked to be left alone.
    """

    def __init__(
        self, message: str, *, passing: bool, after: float | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.passing = passing
        self.after = after


def refused(
    service: str, status: int, reason: str, headers: Mapping[str, str] | None = None
) -> CallFailed:
    """Return the error for an HTTP status; its message has at most 300 characters of the reason."""
    hints = {
        401: "check the API key",
        403: "this key may not use that model",
        404: "check the name of the model and the url",
        429: "ask less often, or raise the limit at the provider",
    }
    short = " ".join(reason.split())[:300]
    return CallFailed(
        f"{service} answered with HTTP {status}: {short}",
        passing=status in PASSING,
        after=retry_after((headers or {}).get("retry-after")),
        hint=hints.get(status, ""),
    )


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header, seconds or a date; None where it says nothing that can be read.

    >>> retry_after("2"), retry_after("soon"), retry_after(None)
    (2.0, None, None)
    """
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - clock.now())
    except ValueError:
        return None


def tried(
    call: Callable[[float], T],
    *,
    retries: int,
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
) -> T:
    """Return what a call gives; a failure that may pass is tried again, all within `seconds`.

    Args:
        call: takes the seconds that are left.
        retries: how many times it is tried again.
        seconds: the limit for all tries and waits together.
        sleep: waits.
        monotonic: the clock.
        chance: a number from 0 to 1, which spreads the waits of many callers.

    Raises:
        CallFailed: the last failure, or one that will not pass.
    """
    end = monotonic() + seconds
    for attempt in range(retries + 1):
        try:
            return call(max(0.001, end - monotonic()))
        except CallFailed as exc:
            wait = exc.after
            if wait is None:
                wait = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * (0.5 + chance() / 2)
            if not exc.passing or attempt == retries or monotonic() + wait >= end:
                raise
            sleep(wait)
    raise AssertionError("not reached")
