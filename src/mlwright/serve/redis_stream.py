"""A stream of Redis as one of a group's consumers sees it: read, hold, answer, take over.

A message is acknowledged in the transaction that writes its answer, so that it has both or none.
Whatever Redis refuses meanwhile (it is down, or full) is tried again until it works: what was
read and not answered stays with the group, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from mlwright.core.backends import require
from mlwright.core.errors import ConfigError, RemoteError
from mlwright.core.secrets import reveal

from .complaints import complain

AT_ONCE = 256
"""Messages that are read, answered and written together; what waits beyond them waits in Redis."""

_BLOCK = 1000  # milliseconds
_PATIENCE = 10.0  # seconds that Redis has for an answer
_LONGEST_WAIT = 30.0

T = TypeVar("T")


class Stopped(Exception):
    """We are to end, and Redis still refuses."""


class Message(NamedTuple):
    """One message; `deliveries` counts how often it was given to a consumer."""

    id: bytes
    fields: dict[bytes, bytes]
    deliveries: int = 1


class Result(NamedTuple):
    """What is written for a message: the fields of its answer, or of its refusal."""

    message: bytes
    good: bool
    fields: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the streams are. `shown` is the address without what it may hold of secrets.

    >>> Place.read("redis://localhost:6380/2/rows").shown
    'redis://localhost:6380/2/rows'
    """

    server: str
    stream: str
    shown: str

    @classmethod
    def read(cls, address: str) -> Place:
        """Read `redis://HOST[:PORT][/DATABASE]/STREAM`, or `env:NAME`, which holds one.

        Raises:
            ConfigError: it is none, or a password stands in it for all to see.
        """
        hint = "write redis://HOST:PORT/STREAM, rediss://… for TLS, or env:NAME for one with a key"
        given = reveal(address) if address.startswith("env:") else address
        try:
            parts = urlsplit(given)
            port = parts.port
        except ValueError:
            raise ConfigError("the address of the stream cannot be read", hint=hint) from None
        path = parts.path.strip("/").split("/")
        database, name = ("0", path[0]) if len(path) == 1 else (path[0], path[-1])
        odd = len(path) > 2 or not database.isdigit() or not name or parts.query or parts.fragment
        if parts.scheme not in ("redis", "rediss") or not parts.hostname or odd:
            raise ConfigError("the address of the stream cannot be read", hint=hint)
        if parts.password and given is address:
            raise ConfigError(
                "a password on the command line is seen by everybody on this machine",
                hint="put the address into an environment variable: --stream env:NAME",
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        place = f"{host}:{port}" if port else host
        shown = f"{parts.scheme}://{place}/{'/'.join(path)}"
        return cls(f"{parts.scheme}://{parts.netloc}/{database}", unquote(name), shown)


@dataclass(frozen=True, slots=True)
class Following:
    """Which streams, as whom, and how many seconds after a last sign another may take over.

    `most` answers are kept of each stream that is written, about; None keeps all.
    """

    place: Place
    group: str
    answers: str
    refused: str
    idle: float = 60.0
    most: int | None = None


class RedisStream:
    """One consumer of a stream."""

    def __init__(self, following: Following, stop: asyncio.Event) -> None:
        require("redis", extra="redis", needed_by="a stream of Redis")
        import redis.asyncio as client
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError, ResponseError

        self.consumer = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(2).hex()}"
        self._errors, self._response_error = RedisError, ResponseError
        self._place = place = following.place
        self._stream, self._group = place.stream, following.group
        self._targets = {True: following.answers, False: following.refused}
        self._idle = int(following.idle * 1000)
        self._most = following.most
        self._stop = stop
        self._client: Any = client.Redis.from_url(
            place.server,
            protocol=2,  # the older shapes of answers, which every server gives
            retry=Retry(NoBackoff(), 0),  # what is tried again is said here
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
        )

    async def open(self) -> None:
        """Make the group where there is none; it begins with the oldest message.

        Raises:
            RemoteError: Redis does not answer, or refuses.
            ConfigError: something else stands under one of the names.
        """
        try:
            for name in (self._stream, *self._targets.values()):
                found = (await self._client.type(name)).decode()
                if found not in ("none", "stream"):
                    raise ConfigError(
                        f"{name} in {self._place.shown} is no stream but a {found}",
                        hint="name another stream",
                    )
            await self._make_group()
        except self._errors as exc:
            raise RemoteError(
                f"{self._place.shown} cannot be used: {type(exc).__name__}",
                hint="look whether Redis runs there, 6.2 or newer, and what you may do there",
            ) from exc

    async def close(self) -> None:
        """Leave the connections; the consumer stays known, for it may have been given more."""
        with contextlib.suppress(self._errors, OSError):
            await self._client.aclose()

    async def read(self) -> list[Message]:
        """Return what is new, after waiting a second for it at most.

        Raises:
            Stopped: we are to end.
        """
        found = await self._insist(
            lambda: self._client.xreadgroup(
                self._group, self.consumer, {self._stream: ">"}, count=AT_ONCE, block=_BLOCK
            )
        )
        return [Message(*each) for _, messages in found or () for each in messages]

    async def taken_over(self) -> AsyncIterator[Message]:
        """Yield one by one what nobody has shown a sign of for too long.

        One by one, so that of the messages that a dying consumer held, that which kills is
        counted again and again, and not those beside it.

        Raises:
            Stopped: we are to end.
        """
        start: Any = "0-0"
        while True:
            start, messages, *_ = await self._insist(partial(self._claim, start))
            for identity, fields in messages:
                if fields is not None:  # else it was deleted meanwhile
                    yield Message(identity, fields, await self._deliveries(identity))
            if start == b"0-0":
                return

    async def write(self, results: Sequence[Result]) -> None:
        """Write results and acknowledge their messages, all or none.

        Raises:
            Stopped: we are to end, and Redis refuses.
        """

        async def once() -> None:
            async with self._client.pipeline(transaction=True) as pipeline:
                for message, good, fields in results:
                    whole = {"message": message, **fields}
                    pipeline.xadd(self._targets[good], whole, maxlen=self._most)
                pipeline.xack(self._stream, self._group, *(each.message for each in results))
                await pipeline.execute()

        if results:
            await self._insist(once)

    async def hold(self, messages: Sequence[Message]) -> None:
        """Show that they are still being worked on; a failure is made up for by the next sign."""
        await self._own(messages, idle=0)

    async def release(self, messages: Sequence[Message]) -> None:
        """Give back what was not answered: whoever takes it over may do so at once."""
        await self._own(messages, idle=self._idle, retrycount=0)

    async def behind(self) -> int | None:
        """Return how many messages wait that no consumer has read, where Redis can tell."""
        lag: int | None = (await self._group_facts()).get("lag")
        return lag

    async def _group_facts(self) -> dict[str, Any]:
        """Return what Redis knows of the group; nothing where there is none, or no answer."""
        with contextlib.suppress(self._errors):
            for group in await self._client.xinfo_groups(self._stream):
                if group["name"] == self._group.encode():
                    return dict(group)
        return {}

    async def _own(self, messages: Sequence[Message], **options: int) -> None:
        identities = [each.id for each in messages]
        if identities:
            with contextlib.suppress(self._errors):
                await self._client.xclaim(
                    self._stream, self._group, self.consumer, 0, identities, justid=True, **options
                )

    def _claim(self, start: Any) -> Awaitable[Any]:
        claim: Awaitable[Any] = self._client.xautoclaim(
            self._stream, self._group, self.consumer, self._idle, start, count=1
        )
        return claim

    async def _deliveries(self, identity: bytes) -> int:
        found = await self._insist(
            lambda: self._client.xpending_range(self._stream, self._group, identity, identity, 1)
        )
        return int(found[0]["times_delivered"]) if found else 1

    async def _make_group(self) -> None:
        if await self._group_facts():
            return  # asked first: one that is full takes no other command
        try:
            await self._client.xgroup_create(self._stream, self._group, "0", mkstream=True)
        except self._response_error as exc:
            if not str(exc).startswith("BUSYGROUP"):
                raise

    async def _insist(self, command: Callable[[], Awaitable[T]]) -> T:
        wait = 0.1
        while True:
            try:
                return await command()
            except self._errors as exc:
                if self._stop.is_set():
                    raise Stopped from exc
                # Not its message: that may quote a command, and so a row.
                complain("redis", f"Redis refuses ({type(exc).__name__}); trying again")
                if isinstance(exc, self._response_error) and str(exc).startswith("NOGROUP"):
                    with contextlib.suppress(self._errors):  # somebody emptied it
                        await self._make_group()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait)
            wait = min(2 * wait, _LONGEST_WAIT)
