"""Predict for the messages of a stream: each is answered at least once, and logged before.

A message goes through the same door as a request over HTTP, so that whatever holds there (strict
types, batches, the prediction log, metrics) holds here. Its field `row` is a JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from .answers import Answer, Refused
from .application import Call, Door, Work
from .complaints import complain
from .redis_stream import Message, RedisStream, Result, Stopped
from .sides import Side
from .wire import Request

MOST_DELIVERIES = 5
"""Consumers that may die of a message before it is refused."""

DOOR = ("POST", "/predict")
_LATER = (429, 502, 503, 504)  # not the message's fault: it is tried again
_HEADERS = ((b"request_id", b"x-request-id"), (b"key", b"x-routing-key"))
_PASSED = (b"traceparent",)
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
_COUNTED_EVERY = 1.0


@dataclass(slots=True)
class Counts:
    """Messages by what became of them; those `taken_over` are counted there too."""

    answered: int = 0
    refused: int = 0
    taken_over: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the documented keys."""
        return asdict(self)


class Follower:
    """Asks one application about messages, and writes what it says."""

    def __init__(self, side: Side, stream: RedisStream, stop: asyncio.Event, idle: float) -> None:
        self.counts = Counts()
        self.behind: int | None = None
        self._side = side
        self._stream = stream
        self._stop = stop
        self._idle = idle

    async def run(self) -> None:
        """Follow until `stop` is set; what was read is answered or given back."""
        looked = counted = -math.inf
        with contextlib.suppress(Stopped):
            while not self._stop.is_set():
                now = time.monotonic()
                if now - looked >= self._idle / 2:
                    await self._take_over()
                    looked = now
                if now - counted >= _COUNTED_EVERY:
                    self.behind = await self._stream.behind()
                    counted = now
                await self._answer(await self._stream.read())

    async def _take_over(self) -> None:
        async for message in self._stream.taken_over():
            self.counts.taken_over += 1
            self._count("taken over")
            if message.deliveries > MOST_DELIVERIES:
                died = f"was given out {message.deliveries} times, and whoever had it died of it"
                await self._write([_refused(message, Refused(500, "deliveries", died).answer())])
            else:
                await self._answer([message])
            if self._stop.is_set():
                return

    async def _answer(self, messages: Sequence[Message]) -> None:
        """Answer these, and wait with those that only a later time can answer."""
        waiting, wait = list(messages), _FIRST_WAIT
        try:
            while waiting:
                found = await self._asked(waiting)
                pairs = list(zip(waiting, found, strict=True))
                await self._write(
                    [_result(*each) for each in pairs if each[1].status not in _LATER]
                )
                waiting = [message for message, answer in pairs if answer.status in _LATER]
                if waiting:
                    kinds = {answer.kind for _, answer in pairs if answer.status in _LATER}
                    why = ", ".join(sorted(kinds))
                    complain("stream", f"{len(waiting)} messages wait ({why}); trying again")
                    await self._pause(wait, waiting)
                    wait = min(2 * wait, _LONGEST_WAIT)
        except Stopped:
            await self._stream.release(waiting)
            raise

    async def _asked(self, messages: Sequence[Message]) -> list[Answer]:
        every = asyncio.gather(*(self._ask(each) for each in messages))
        while True:
            done, _ = await asyncio.wait([every], timeout=self._idle / 3)
            if done:
                return every.result()
            await self._stream.hold(messages)

    def _ask(self, message: Message) -> asyncio.Future[Answer]:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        fields = message.fields
        row = fields.get(b"row")
        if row is None:
            refused = Refused(422, "shape", "", {"row": "is missing: a JSON object in one field"})
            answered.set_result(refused.answer())
            return answered
        headers = {header: fields[name] for name, header in _HEADERS if name in fields}
        headers |= {name: fields[name] for name in _PASSED if name in fields}
        headers.setdefault(b"x-request-id", message.id)
        body = b'{"records":[' + row + b"]}"
        if len(body) > self._side.limit:
            reason = f"is larger than {self._side.limit} bytes"
            answered.set_result(Refused(413, "too_large", "", {"row": reason}).answer())
            return answered

        def send(_: Request, answer: Answer) -> None:
            answered.set_result(answer)

        method, path = DOOR
        self._side.take(Request(send, method, path.encode(), headers, body, "1.1", True))
        return answered

    async def _write(self, results: Sequence[Result]) -> None:
        await self._stream.write(results)
        good = sum(each.good for each in results)
        self.counts.answered += good
        self.counts.refused += len(results) - good
        self._count("answered", good)
        self._count("refused", len(results) - good)

    async def _pause(self, seconds: float, messages: Sequence[Message]) -> None:
        """Wait, and hold the messages meanwhile.

        Raises:
            Stopped: we are to end.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(left, self._idle / 3))
            if self._stop.is_set():
                raise Stopped
            await self._stream.hold(messages)

    def _count(self, what: str, by: int = 1) -> None:
        if by:
            self._side.handler.metrics.count("stream_messages_total", f'result="{what}"', by)


def of_one(door: Door) -> Door:
    """Return the door of a contract, for one row alone."""

    def route(call: Call) -> Any:
        work = door.route(call)
        if isinstance(work, Work) and len(work.rows) != 1:
            raise Refused(422, "shape", "", {"row": "must be one JSON object"})
        return work

    return door._replace(route=route)


class _Body(msgspec.Struct):
    predictions: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(_Body)


def _result(message: Message, answer: Answer) -> Result:
    if answer.status != 200:
        return _refused(message, answer)
    (found,) = _decoder.decode(answer.body).predictions
    return Result(message.id, True, {"answer": bytes(found)})


def _refused(message: Message, answer: Answer) -> Result:
    return Result(message.id, False, {"kind": answer.kind.encode(), "error": answer.body})
