"""What embedders at the other end of a wire share: batches, several at once, a rate, retries."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mlwright.core.errors import RemoteError

from ..config_finding import Embedding
from ..records import Role
from ..retries import tried
from ..vectors import Vectors

Ask = Callable[[Sequence[str], Role, float], Sequence[Sequence[float]]]
"""Asks for one batch within so many seconds; raises CallFailed."""

_CHARACTERS_A_TOKEN = 3.5


class Rate:
    """Lets callers through at most so often a minute, evenly."""

    def __init__(
        self,
        a_minute: int | None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gap = 60 / a_minute if a_minute else 0.0
        self._sleep, self._monotonic = sleep, monotonic
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when it is this caller's turn."""
        if not self._gap:
            return
        with self._lock:
            now = self._monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        self._sleep(turn - now)


class RemoteEmbedder:
    """An embedder whose model runs elsewhere; its tokens are estimated from characters.

    `close` closes the connections, and is called when nobody has the embedder any more.
    """

    def __init__(
        self,
        name: str,
        ask: Ask,
        settings: Embedding,
        *,
        dimension: int,
        max_tokens: int,
        close: Callable[[], object],
    ) -> None:
        self.name = name
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.close = weakref.finalize(self, close)
        self._ask, self._settings = ask, settings
        self._rate = Rate(settings.requests_a_minute)

    def embed(self, texts: Sequence[str], role: Role) -> Vectors:
        """Return float32 (n, dimension), each row of length 1.

        Raises:
            RemoteError: it was refused, or the answer is not what was asked for.
        """
        size = self._settings.batch
        batches = [texts[i : i + size] for i in range(0, len(texts), size)]
        if not batches:
            return np.zeros((0, self.dimension), dtype=np.float32)
        if len(batches) == 1:
            return self._batch(batches[0], role)
        with ThreadPoolExecutor(self._settings.concurrent) as pool:
            return np.vstack(list(pool.map(lambda batch: self._batch(batch, role), batches)))

    def tokens(self, text: str) -> int:
        """Return about how many tokens the text has: a token is 3.5 characters of English."""
        return -int(-len(text) // _CHARACTERS_A_TOKEN)

    def _batch(self, texts: Sequence[str], role: Role) -> Vectors:
        def once(left: float) -> Sequence[Sequence[float]]:
            self._rate.wait()
            return self._ask(texts, role, left)

        settings = self._settings
        answer = tried(once, retries=settings.retries, seconds=settings.timeout)
        try:
            found = np.asarray(answer, dtype=np.float32)
        except ValueError:
            found = np.zeros(0, dtype=np.float32)
        if found.shape != (len(texts), self.dimension) or not np.isfinite(found).all():
            raise RemoteError(
                f"{self.name} gave {_shape(found)} for {len(texts)} texts, not "
                f"{len(texts)} vectors of {self.dimension} numbers",
                hint=f"set embedding.dimension to what the model gives, now {self.dimension}",
            )
        return np.asarray(
            found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), np.float32
        )


def _shape(found: Vectors) -> str:
    return " x ".join(map(str, found.shape)) + " numbers"
