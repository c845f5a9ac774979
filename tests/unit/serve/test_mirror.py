from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mlwright.core.errors import RemoteError
from mlwright.serve import mirror
from mlwright.serve.client import Client, Response
from mlwright.serve.mirror import Copy, Mirror

COPY = Copy("POST", "/predict", b"{}", {})


class Slow(Client):
    """A server that answers when it is let."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.open = asyncio.Event()
        self.got = 0

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float = 10.0,
    ) -> Response:
        await self.open.wait()
        self.got += 1
        if self.got % 2:
            raise RemoteError("gone")
        return Response(200, {}, b"")


def test_copies_beyond_the_queue_are_dropped_and_failures_are_silent() -> None:
    async def run() -> None:
        sending, server = Mirror(), Slow()
        sent = [sending.send(server, COPY, seconds=1.0) for _ in range(mirror.MOST + 10)]
        assert sent == [True] * mirror.MOST + [False] * 10
        server.open.set()
        while server.got < mirror.MOST:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sending.send(server, COPY, seconds=1.0)
        sending.close()

    asyncio.run(run())


def test_large_copies_are_bounded_by_their_bytes() -> None:
    async def run() -> None:
        sending, server = Mirror(), Slow()
        large = COPY._replace(body=bytes(mirror.MOST_BYTES // 2 + 1))
        assert [sending.send(server, large, seconds=1.0) for _ in range(2)] == [True, False]
        sending.close()

    asyncio.run(run())
