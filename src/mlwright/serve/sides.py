"""The sides of a worker: the public one, the unix socket's, and an administrator's port.

Each finds the door of a request. Only a public one asks for keys and routes a rollout's share; only
the private one has the control routes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from .answers import Answer, Refused, ok
from .application import Door
from .gate import NOBODY
from .handler import Handler
from .requests import call_of
from .turn import Job, bug
from .wire import Request

_PLAIN = b"text/plain; version=0.0.4; charset=utf-8"
_SHOWN = ("/", "/predict", "/query", "/docs", "/health/live", "/health/ready", "/metrics")

Doors = Mapping[tuple[str, str], Door]


class Side:
    """Takes the requests of one or more listeners; `private` trusts who asks."""

    def __init__(
        self, handler: Handler, doors: Doors, *, limit: int, private: bool = False
    ) -> None:
        self.limit = limit
        self.handler = handler
        self.leaving = False
        self._doors = dict(doors)
        self._private = private
        self._methods: dict[str, list[str]] = {}
        self._shapes: dict[str, Callable[[Refused], Answer]] = {}
        for (method, path), door in doors.items():
            self._methods.setdefault(path, []).append(method)
            self._shapes.setdefault(_first(path), door.refusal)

    def refuse(self, request: Request) -> Answer | None:
        """Refuse on the head alone who has no key, or asks for what is not there."""
        try:
            self._client(self._door(request), request)
        except Refused as refused:
            return self._shaped(request, refused)
        return None

    def take(self, request: Request) -> None:
        """Answer a request, now or later."""
        started = time.perf_counter()
        door = None
        try:
            door = self._door(request)
            client = self._client(door, request)
            if door.health == "ready" and self.handler.stopping:
                raise Refused(503, "stopping", "this worker is stopping")
            call = call_of(request, started, private=self._private)
            version = self.handler.application.version
            job = Job(request, call, door, version, public=not self._private)
            if request.method == "POST" and not door.local:
                self.handler.take(job, client)
                return
            answer = door.route(call)
            if not isinstance(answer, Answer):
                self.handler.await_(job, answer)
                return
        except Refused as refused:
            answer = door.refusal(refused) if door else self._shaped(request, refused)
        except Exception as exc:
            answer = bug(exc).answer()
        self.note(answer)
        request.answer(answer)

    def closing(self) -> bool:
        """Say whether connections end with their next answer."""
        return self.leaving or self.handler.stopping

    def note(self, answer: Answer) -> None:
        """Count an answer."""
        if not self._private:
            self.handler.metrics.answered(answer)

    def _door(self, request: Request) -> Door:
        method, path = request.method, request.path
        door = self._doors.get((method, path))
        if door is None and method == "HEAD":
            door = self._doors.get(("GET", path))
        if door is not None:
            return door
        methods = self._methods.get(path)
        if methods is None:
            raise Refused(404, "not_found", f"there is nothing at this path{self._try()}")
        if "GET" in methods:
            methods = [*methods, "HEAD"]
        reason = f"this path takes {' or '.join(methods)} alone"
        allow = ", ".join(methods).encode()
        raise Refused(405, "method", reason, headers=((b"allow", allow),))

    def _shaped(self, request: Request, refused: Refused) -> Answer:
        """Return a refusal as the contract of the paths beside this one writes it."""
        return self._shapes.get(_first(request.path), Refused.answer)(refused)

    def _try(self) -> str:
        known = [path for path in _SHOWN if path in self._methods]
        return f"; try {' or '.join(known)}" if known else ""

    def _client(self, door: Door, request: Request) -> int:
        return NOBODY if self._private or door.health else self.handler.gate.client(request.headers)


def _first(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""


def reading(handler: Handler, page: Callable[[], str]) -> Doors:
    """Return the doors that every side has: health, and the counts for Prometheus."""
    about = {"model": handler.application.model, "version": handler.application.version}
    live, ready = ok({"status": "live"}), ok({"status": "ready", **about})
    return {
        ("GET", "/health/live"): Door(lambda _: live, health="live", local=True),
        ("GET", "/health/ready"): Door(lambda _: ready, health="ready", local=True),
        ("GET", "/metrics"): Door(
            lambda _: Answer(200, page().encode(), content_type=_PLAIN), local=True
        ),
    }
