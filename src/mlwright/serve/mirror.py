"""Sends copies of requests to a version that answers nobody, after their answers have left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import NamedTuple

from mlwright.core.errors import RemoteError

from .client import Client

MOST = 64  # copies on their way; what comes beyond is dropped, and counted
MOST_BYTES = 16 * 1024 * 1024


class Copy(NamedTuple):
    """A request as the candidate is to get it."""

    method: str
    target: str
    body: bytes
    headers: Mapping[str, str]


class Mirror:
    """Fire and forget: nobody waits for a copy, and what becomes of it changes no answer."""

    def __init__(self) -> None:
        self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, client: Client, copy: Copy, *, seconds: float) -> bool:
        """Send a copy soon, or drop it when too many are on their way; say whether it was sent."""
        if len(self._tasks) >= MOST or self._bytes + len(copy.body) > MOST_BYTES:
            return False
        self._bytes += len(copy.body)
        task = asyncio.get_running_loop().create_task(self._send(client, copy, seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _send(self, client: Client, copy: Copy, seconds: float) -> None:
        try:
            # A copy that fails is one that the shadow's log lacks.
            with contextlib.suppress(RemoteError):
                await client.request(
                    copy.method, copy.target, copy.body, copy.headers, timeout=seconds
                )
        finally:
            self._bytes -= len(copy.body)

    def close(self) -> None:
        """Forget what is on its way."""
        for task in self._tasks:
            task.cancel()
