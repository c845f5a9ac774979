"""The connections of a load: each sends one request at a time, and is replaced when it fails."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import httptools

from mlwright.core.errors import RemoteError
from mlwright.stats.latency import Latencies

_TICK = 0.002  # the timers of an event loop are no finer
_BETWEEN_LOOKS = 0.005
_BEFORE_DIALLING_AGAIN = 0.05


@dataclass(slots=True)
class Load:
    """What came of a load. `latencies` holds every request, answered or given up.

    `failures` counts by kind: a status that is no success, `timeout`, `connection`. `behind` is by
    how much the sender itself was late at most, `busy` the share of a processor that it took.
    """

    seconds: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)
    failures: Counter[str] = field(default_factory=Counter)
    behind: float = 0.0
    busy: float = 0.0

    @property
    def requests(self) -> int:
        """Return how many requests were due."""
        return self.latencies.count

    @property
    def failed(self) -> int:
        """Return how many of them failed."""
        return self.failures.total()

    @property
    def throughput(self) -> float:
        """Return the successful answers a second."""
        return (self.requests - self.failed) / self.seconds if self.seconds else 0.0


class Sender:
    """Sends requests in turn over a number of connections."""

    def __init__(
        self,
        where: tuple[str, int, bool],
        requests: Sequence[bytes],
        connections: int,
        timeout: float,
    ) -> None:
        self.load = Load()
        self.requests: Iterator[bytes] = itertools.cycle(requests)
        self._where = where
        self._timeout = timeout
        self._size = connections
        self._busy: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._waiting: deque[float] = deque()
        self._next_due: Callable[[], float | None] = self._from_queue
        self._dialling: set[asyncio.Task[None]] = set()
        self._ended = False

    async def open(self, due: Sequence[float]) -> Load:
        """Send each request when it is due, in seconds from now, ascending."""
        await self._connect()
        cpu, start = time.process_time(), time.perf_counter()
        pending = deque(start + at for at in due)
        while pending:
            await asyncio.sleep(max(pending[0] - time.perf_counter(), 0.0))
            self._send_due(pending, time.perf_counter())
        await self._until_answered()
        return self._end(start, cpu, due[-1])

    async def closed(self, seconds: float) -> Load:
        """Send each request when the answer before it has come."""
        await self._connect()
        cpu, start = time.process_time(), time.perf_counter()
        end = start + seconds
        self._next_due = lambda: now if (now := time.perf_counter()) < end else None
        idle, self._idle = self._idle, []
        for connection in idle:
            self._send(connection, time.perf_counter())
        while time.perf_counter() < end:
            await asyncio.sleep(_BETWEEN_LOOKS)
            self._give_up(time.perf_counter())
        await self._until_answered()
        return self._end(start, cpu, seconds)

    def answered(self, connection: _Connection, failure: str, *, reusable: bool) -> None:
        """Take an answer, or what came in its place; a connection that broke is replaced."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._count(connection.due, failure)
        elif connection in self._idle:
            self._idle.remove(connection)
        else:
            return  # it was given up before
        if reusable:
            self._free(connection)
        else:
            connection.close()
            self._replace()

    def _send_due(self, pending: deque[float], now: float) -> None:
        if self._idle:  # else it is the server that is behind
            self.load.behind = max(self.load.behind, now - pending[0])
        while pending and pending[0] <= now:
            due = pending.popleft()
            if self._idle:
                self._send(self._idle.pop(), now if now - due < _TICK else due)
            else:
                self._waiting.append(due)
        self._give_up(now)

    def _send(self, connection: _Connection, due: float) -> None:
        self._busy.add(connection)
        connection.send(next(self.requests), due)

    def _free(self, connection: _Connection) -> None:
        due = self._next_due()
        if due is None:
            self._idle.append(connection)
        else:
            self._send(connection, due)

    def _from_queue(self) -> float | None:
        return self._waiting.popleft() if self._waiting else None

    def _give_up(self, now: float) -> None:
        """Count what waited longer than the time limit, for a connection or for its answer."""
        while self._waiting and now - self._waiting[0] > self._timeout:
            self._count(self._waiting.popleft(), "timeout")
        for connection in [each for each in self._busy if now - each.due > self._timeout]:
            self.answered(connection, "timeout", reusable=False)

    async def _until_answered(self) -> None:
        while self._waiting or self._busy:
            await asyncio.sleep(_BETWEEN_LOOKS)
            self._give_up(time.perf_counter())

    def _count(self, due: float, failure: str) -> None:
        self.load.latencies.add(time.perf_counter() - due)
        if failure:
            self.load.failures[failure] += 1

    def _end(self, start: float, cpu: float, least: float) -> Load:
        self._ended = True
        self.load.seconds = max(time.perf_counter() - start, least)
        self.load.busy = (time.process_time() - cpu) / self.load.seconds
        for task in self._dialling:
            task.cancel()
        for connection in self._idle:
            connection.close()
        return self.load

    async def _connect(self) -> None:
        for _ in range(self._size):
            self._idle.append(await self._dial())

    def _replace(self) -> None:
        if not self._ended:
            task = asyncio.get_running_loop().create_task(self._dial_again())
            self._dialling.add(task)
            task.add_done_callback(self._dialling.discard)

    async def _dial_again(self) -> None:
        while True:
            try:
                self._free(await self._dial())
                return
            except RemoteError:  # what is due meanwhile fails when its time is up
                await asyncio.sleep(_BEFORE_DIALLING_AGAIN)

    async def _dial(self) -> _Connection:
        host, port, secure = self._where
        context = ssl.create_default_context() if secure else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self), host, port, ssl=context
                )
        except TimeoutError as exc:
            reason = f"did not answer within {self._timeout:g} s"
            raise RemoteError(f"{host}:{port} {reason}") from exc
        except OSError as exc:
            reason = exc.strerror or str(exc)
            raise RemoteError(f"{host}:{port} cannot be reached: {reason}") from exc
        return connection


class _Connection(asyncio.Protocol):
    """One connection; `due` is when the request under way should have gone."""

    def __init__(self, sender: Sender) -> None:
        self.due = 0.0
        self._sender = sender
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._sender.answered(self, "connection", reusable=False)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        failure = "" if 200 <= status < 300 else f"HTTP {status}"
        self._sender.answered(self, failure, reusable=self._parser.should_keep_alive())

    def connection_lost(self, exc: Exception | None) -> None:
        self._sender.answered(self, "connection", reusable=False)

    def close(self) -> None:
        self._transport.abort()
