"""The routes by which a supervisor steers a worker; they exist on the unix socket alone."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from .answers import Answer, Refused, ok
from .handler import Handler, check_method
from .http import Receive, Scope
from .requests import read_call
from .router import Routes

_T = TypeVar("_T")


class _Accept(msgspec.Struct, forbid_unknown_fields=True):
    accept: bool


class WorkerControl:
    """Says how the worker is, opens and closes its door, and sets its route table."""

    def __init__(self, handler: Handler, accept: Callable[[bool], Awaitable[bool]]) -> None:
        self._handler = handler
        self._accept = accept
        self._accepting = False

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        """Answer one of `/control/status`, `/control/accept`, `/control/routes`.

        Raises:
            Refused: there is no such route, or the body is not what it takes.
        """
        path = scope["path"]
        if path == "/control/status":
            check_method(scope, "GET")
            return ok(self._status())
        if path not in ("/control/accept", "/control/routes"):
            raise Refused(404, "not_found", "there is nothing at this path")
        check_method(scope, "POST")
        body = (await read_call(scope, receive)).body
        if path == "/control/accept":
            await self.accept(_read(body, _Accept).accept)
        else:
            await self._handler.router.set(_read(body, Routes))
        return ok(self._status())

    async def accept(self, wanted: bool) -> None:
        """Begin or stop taking connections from outside.

        Raises:
            Refused: this worker was given no socket to take them from.
        """
        self._accepting = await self._accept(wanted)
        if wanted and not self._accepting:
            raise Refused(409, "no_socket", "this worker has no socket to accept on")
        self._handler.closing = not wanted

    def _status(self) -> dict[str, object]:
        handler = self._handler
        return {
            "model": handler.model.model,
            "version": handler.model.version,
            "pid": os.getpid(),
            "accepting": self._accepting,
            "routes": handler.router.routes,
            "inflight": handler.inflight - 1,
        }


def _read(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise Refused(422, "control", str(exc)) from None
