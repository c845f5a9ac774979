"""How long the parts of an answer take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Milliseconds by part."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = clock()
        self._parts: dict[str, float] = {}

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Time what happens inside."""
        began = self._clock()
        try:
            yield
        finally:
            self._parts[part] = round((self._clock() - began) * 1000, 3)

    def read(self) -> dict[str, float]:
        """Return the parts so far, and the time since the watch was made as `total`."""
        return {**self._parts, "total": round((self._clock() - self._began) * 1000, 3)}
