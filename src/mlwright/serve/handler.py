"""The ASGI application of a worker. It knows nothing of the server that runs it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from mlwright.core import clock
from mlwright.core.errors import RemoteError
from mlwright.predictions.lines import Outcome, Route, line

from .answers import Answer, Refused, ok
from .client import Response
from .complaints import complain, place_of
from .http import Receive, Scope, Send
from .journal import Journal
from .metrics import Metrics
from .requests import Call, read_call
from .router import Router
from .tabular import Answered, Tabular

_PATHS = "/, /predict, /health/live, /health/ready or /metrics"
CLOSE = (b"connection", b"close")
_PLAIN = b"text/plain; version=0.0.4; charset=utf-8"

Handle = Callable[[Scope, Receive], Awaitable[Answer]]


class Control(Protocol):
    """The routes that only the unix socket has."""

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        """Return the answer; Refused where there is no such route."""
        ...


class Handler:
    """Answers requests with a model, or lets the candidate of a rollout answer.

    `public` is the application for strangers; `private`, for the unix socket, has the control
    routes as well, and always answers with this worker's own model.
    """

    def __init__(self, model: Tabular, journal: Journal, router: Router, metrics: Metrics) -> None:
        self.model = model
        self.router = router
        self.inflight = 0
        self.closing = False
        self.stopping = False
        self.control: Control | None = None
        self._journal = journal
        self._metrics = metrics
        self._version = (b"x-model-version", str(model.version).encode())
        self._live = ok({"status": "live"})
        self._about = ok(model.describe())

    async def public(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request from outside."""
        predict = self._routed if scope["path"] == "/predict" else self._read
        await self._run(predict, scope, receive, send, close=self.closing)

    async def private(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of this machine's supervisor or of another worker."""
        path = scope["path"]
        handle = self._own if path == "/predict" else self._read
        if path.startswith("/control/") and self.control is not None:
            handle = self.control.answer
        await self._run(handle, scope, receive, send, close=self.stopping)

    async def _run(
        self, handle: Handle, scope: Scope, receive: Receive, send: Send, *, close: bool
    ) -> None:
        self.inflight += 1
        try:
            answer = await self._caught(handle, scope, receive)
            headers = [
                (b"content-type", answer.content_type),
                (b"content-length", str(len(answer.body)).encode()),
                *answer.headers,
            ]
            if close or self.stopping:
                headers.append(CLOSE)
            start = {"type": "http.response.start", "status": answer.status, "headers": headers}
            await send(start)
            await send({"type": "http.response.body", "body": answer.body})
        finally:
            self.inflight -= 1

    async def _caught(self, handle: Handle, scope: Scope, receive: Receive) -> Answer:
        try:
            answer = await handle(scope, receive)
        except Refused as refusal:
            answer = refusal.answer()
        except Exception as exc:
            complain("bug", f"a request failed: {type(exc).__name__} at {place_of(exc)}")
            answer = Refused(500, "bug", "the server failed on this request").answer()
        self._metrics.count("requests_total", f'status="{answer.status}"')
        if answer.kind:
            self._metrics.count("errors_total", f'kind="{answer.kind}"')
        return answer

    async def _read(self, scope: Scope, _receive: Receive) -> Answer:
        path = scope["path"]
        if path not in ("/health/live", "/health/ready", "/metrics", "/"):
            raise Refused(404, "not_found", f"there is nothing at this path; try {_PATHS}")
        check_method(scope, "GET", "HEAD")
        if path == "/health/live":
            return self._live
        if path == "/health/ready":
            return self._ready()
        if path == "/metrics":
            return Answer(200, self._metrics.text().encode(), content_type=_PLAIN)
        return self._about

    def _ready(self) -> Answer:
        if self.stopping:
            raise Refused(503, "stopping", "this worker is stopping")
        return ok({"status": "ready", "model": self.model.model, "version": self.model.version})

    async def _own(self, scope: Scope, receive: Receive) -> Answer:
        check_method(scope, "POST")
        started = time.perf_counter()
        call = await read_call(scope, receive)
        if call.route == "test":
            return self._predict(call, "champion", started).answer
        answer, lines = self._predict(call, call.route, started)
        return await self._logged(call, answer, lines, None, started)

    async def _routed(self, scope: Scope, receive: Receive) -> Answer:
        check_method(scope, "POST")
        started = time.perf_counter()
        call = await read_call(scope, receive)
        routes = self.router.routes
        candidate = self.router.takes(call.key)
        if candidate:
            (answer, lines), good, took = await self._forwarded(call, started)
        else:
            answer, lines = self._predict(call, "champion", started)
            good, took = answer.status < 500, time.perf_counter() - started
        outcome = None
        if routes.release is not None:
            weight = routes.candidate.weight if routes.candidate else 0.0
            now, taken = clock.now(), round(took * 1000, 3)
            end = Outcome(now, routes.release, call.key, candidate, good, taken, weight)
            outcome = line(end)
        return await self._logged(call, answer, lines, outcome, started)

    async def _forwarded(self, call: Call, started: float) -> tuple[Answered, bool, float]:
        """Return the candidate's answer, or ours in its place; whether it was good; its time."""
        found = await self.router.forward(call)
        took = time.perf_counter() - started
        response = found.response
        if response is not None and response.status < 400:
            return _theirs(response), True, took
        own = self._predict(call, "fallback", started)
        if response is not None and own.answer.status >= 400:
            return _theirs(response), True, took  # both refuse it: the request is at fault
        self._metrics.count("fallbacks_total")
        self._metrics.count("errors_total", f'kind="{found.failure or "candidate_refused"}"')
        return own, False, took

    def _predict(self, call: Call, route: Route, started: float) -> Answered:
        try:
            answer, lines = self.model.answer(call, route, started)
        except Refused as refusal:
            answer, lines = refusal.answer(), []
        return Answered(answer._replace(headers=(self._version,)), lines)

    async def _logged(
        self, call: Call, answer: Answer, lines: list[bytes], outcome: bytes | None, started: float
    ) -> Answer:
        if lines or outcome is not None:
            try:
                await self._journal.append(lines, outcome)
            except RemoteError as exc:
                self._metrics.count("log_failures_total")
                complain("log", f"{exc}; {exc.hint}")
                reason = "the prediction log cannot be written"
                answer = Refused(503, "log", reason).answer(self._version)
        version = self.model.version
        self._metrics.observe(version, time.perf_counter() - started)
        request_id = (b"x-request-id", call.request_id.encode())
        return answer._replace(headers=(request_id, *answer.headers))


def _theirs(response: Response) -> Answered:
    version = (b"x-model-version", response.headers.get("x-model-version", "").encode())
    return Answered(Answer(response.status, response.body, (version,)), [])


def check_method(scope: Scope, *allowed: str) -> None:
    """Refuse a method that this path does not take."""
    if scope["method"] not in allowed:
        raise Refused(405, "method", f"this path takes {' or '.join(allowed)} alone")
