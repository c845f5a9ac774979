"""Requests a minute: a bucket for each caller, which fills evenly."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from mlwright.serve.answers import Refused

_CALLERS = 10_000


class RateLimit:
    """Lets each caller ask this many times a minute, all at once or spread."""

    def __init__(self, a_minute: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._size = float(a_minute)
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def enter(self, caller: str) -> None:
        """Take one from the caller's bucket.

        Raises:
            Refused: 429, with the seconds until there is one again.
        """
        now = self._now()
        left, since = self._buckets.pop(caller, (self._size, now))
        left = min(self._size, left + (now - since) * self._size / 60)
        self._buckets[caller] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = str(int((1 - left) * 60 / self._size) + 1).encode()
            raise Refused(
                429,
                "rate",
                f"more than {self._size:g} requests a minute; try again later",
                headers=((b"retry-after", wait),),
            )
