"""Say how far a long fit has come, and how long it may still take."""

from __future__ import annotations

import time
from collections.abc import Callable

_EVERY = 10.0


class Progress:
    """A line each ten seconds, and none for what is done sooner; `words` say what else is known."""

    def __init__(self, say: Callable[[str], None], what: str, steps: int) -> None:
        self._say = say
        self._what = what
        self._steps = steps
        self.words = ""
        self._began = self._said = time.monotonic()

    def step(self, done: int) -> None:
        """Note that so many steps are done."""
        now = time.monotonic()
        if now - self._said < _EVERY or not 0 < done < self._steps:
            return
        self._said = now
        left = (now - self._began) * (self._steps - done) / done
        more = f", {self.words}" if self.words else ""
        self._say(
            f"  {self._what}: {done / self._steps:.0%} of the most it may take{more}, "
            f"at most {spoken(left)} left"
        )


def spoken(seconds: float) -> str:
    """Write a time as people say it.

    >>> spoken(42.4), spoken(200), spoken(8000)
    ('42 s', '3 min', '2.2 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
