"""Listens on a socket that is already bound: may stop, start again, and drain."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl

from .answers import Answer, Refused
from .http import Connection
from .reading import Room, Site

BACKLOG = 2048
SWEEP = 0.5
_SPARE = 128  # file descriptors for logs, sockets of candidates, and what a model opens
_MOST = 20_000
_HELD = 256 * 1024 * 1024


class Listener:
    """Serves a site on a socket; it may stop and start again.

    The socket stays open, so that what others accept on it, or what waits in its queue, is safe.
    """

    def __init__(
        self,
        site: Site,
        sock: socket.socket,
        *,
        secured: ssl.SSLContext | None = None,
        most: int | None = None,
    ) -> None:
        self._site = site
        self._sock = sock
        self._secured = secured
        self._most = most or most_connections()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._connections: set[Connection] = set()
        self._room = Room(max(_HELD, 4 * site.limit))

    @property
    def accepting(self) -> bool:
        """Say whether new connections are taken."""
        return self._server is not None

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._connections)

    async def start(self) -> None:
        """Take new connections; nothing happens when it already does."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        if self._sweeper is None:
            self._sweep(loop)
        unix = self._sock.family == socket.AF_UNIX
        create = loop.create_unix_server if unix else loop.create_server
        # A copy: closing a server closes the socket it was given.
        self._server = await create(
            lambda: self._connection(loop),
            sock=self._sock.dup(),
            backlog=BACKLOG,
            ssl=self._secured,
        )

    def stop(self) -> None:
        """Take no new connections; the open ones live on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def drain(self, *, idle: float, grace: float) -> None:
        """Stop for good: close the socket, let open connections end, and close them.

        Another process may listen on the same port with a socket of its own, and the kernel then
        goes on queueing connections on ours for as long as it is open.

        A connection that lies idle has `idle` seconds to bring another request, one whose request
        runs has `grace` seconds to end.
        """
        self.stop()
        self._sock.close()
        await self._emptied(idle)
        for connection in list(self._connections):
            connection.shutdown()
        await self._emptied(grace)
        for connection in list(self._connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _emptied(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._connections:
                    await asyncio.sleep(0.02)

    def _connection(self, loop: asyncio.AbstractEventLoop) -> asyncio.Protocol:
        if len(self._connections) < self._most:
            return Connection(self._site, self._connections, loop, self._room)
        reason = "too many connections are open; try again"
        answer = Refused(503, "connections", reason, headers=((b"retry-after", b"1"),)).answer()
        self._site.note(answer)
        return _TurnedAway(self._site, self._connections, loop, self._room, answer)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look for clients that let us wait; one timer for all of them costs a request nothing."""
        now = loop.time()
        for connection in list(self._connections):
            connection.overdue(now)
        self._sweeper = loop.call_later(SWEEP, self._sweep, loop)


class _TurnedAway(Connection):
    """A connection for which there is no room: it is told so and closed."""

    def __init__(
        self,
        site: Site,
        every: set[Connection],
        loop: asyncio.AbstractEventLoop,
        room: Room,
        answer: Answer,
    ) -> None:
        super().__init__(site, every, loop, room)
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.turn_away(self._answer)


def most_connections() -> int:
    """Return how many connections this process may hold, after asking for as many as it may.

    One that accepts more than it has descriptors for spins on the socket.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    unlimited = soft == resource.RLIM_INFINITY
    return _MOST if unlimited else max(16, min(_MOST, soft - _SPARE))
