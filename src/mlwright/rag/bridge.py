"""An answer that a thread makes piece by piece, as the event loop sends it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from typing import Generic, TypeVar

T = TypeVar("T")

_END = object()


class Bridge(Generic[T]):
    """Runs an iterator in a thread; `pieces` yields what it gives, on the loop.

    When nobody reads any more the thread stops at its next piece.
    """

    def __init__(self, executor: Executor, make: Callable[[], Iterator[T]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        self._left = threading.Event()
        executor.submit(self._run, make)

    async def pieces(self) -> AsyncIterator[T]:
        """Yield the pieces; what the iterator raises is raised here."""
        try:
            while (found := await self._queue.get()) is not _END:
                if isinstance(found, BaseException):
                    raise found
                yield found  # type: ignore[misc]
        finally:
            self._left.set()

    def _run(self, make: Callable[[], Iterator[T]]) -> None:
        try:
            iterator = make()
            for piece in iterator:
                self._put(piece)
                if self._left.is_set():
                    close = getattr(iterator, "close", None)
                    if close is not None:
                        close()
                    return
        except BaseException as exc:
            self._put(exc)
        else:
            self._put(_END)

    def _put(self, piece: object) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, piece)
        except RuntimeError:  # the loop has ended with the process
            self._left.set()
