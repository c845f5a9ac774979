"""The routes by which a supervisor steers a worker; they exist on the unix socket alone."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from .answers import Answer, Refused, ok
from .application import Call, Door, Reply
from .handler import Handler
from .router import Routes
from .sides import Doors

_T = TypeVar("_T")


class _Accept(msgspec.Struct, forbid_unknown_fields=True):
    accept: bool


class WorkerControl:
    """Says how the worker is, opens and closes its door, and sets its route table.

    `accept` begins or stops taking connections from outside, and says whether they are taken now.
    """

    def __init__(self, handler: Handler, accept: Callable[[bool], Awaitable[bool]]) -> None:
        self._handler = handler
        self._accept = accept
        self._accepting = False

    def doors(self) -> Doors:
        """Return `/control/status`, `/control/accept` and `/control/routes`."""
        return {
            ("GET", "/control/status"): Door(lambda _: self._status(), local=True),
            ("POST", "/control/accept"): Door(self._accepted, local=True),
            ("POST", "/control/routes"): Door(self._routed, local=True),
        }

    async def accept(self, wanted: bool) -> None:
        """Begin or stop taking connections from outside.

        Raises:
            Refused: this worker was given no socket to take them from.
        """
        self._accepting = await self._accept(wanted)
        if wanted and not self._accepting:
            raise Refused(409, "no_socket", "this worker has no socket to accept on")

    async def _accepted(self, call: Call) -> Reply:
        await self.accept(_read(call.body, _Accept).accept)
        return Reply(self._status())

    def _routed(self, call: Call) -> Answer:
        self._handler.router.set(_read(call.body, Routes))
        return self._status()

    def _status(self) -> Answer:
        handler = self._handler
        about = {
            "model": handler.application.model,
            "version": handler.application.version,
            "pid": os.getpid(),
            "accepting": self._accepting,
            "routes": handler.router.routes,
            "inflight": handler.gate.inside,
            "time": time.monotonic(),
            "cpu_seconds": time.process_time(),
            "request_seconds": sum(handler.metrics.snapshot().seconds.values()),
        }
        return ok(about)


def _read(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise Refused(422, "control", str(exc)) from None
