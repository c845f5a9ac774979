"""How far a long step has come, said now and then, with the time that is left."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

_EVERY = 2.0


class Progress:
    """Says `embedding: 1,200 of 5,000 chunks, 40 s left` at most every two seconds."""

    def __init__(self, what: str, total: int, unit: str, say: Callable[[str], None]) -> None:
        self.what, self.total, self.unit, self.say = what, total, unit, say
        self.done = 0
        self._begun = self._last = monotonic()

    def add(self, count: int = 1) -> None:
        """Count what was done."""
        self.done += count
        now = monotonic()
        if now - self._last < _EVERY or self.done >= self.total:
            return
        self._last = now
        left = (now - self._begun) / self.done * (self.total - self.done)
        self.say(f"{self.what}: {self.done:,} of {self.total:,} {self.unit}, {_words(left)} left")


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
