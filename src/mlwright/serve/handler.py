"""Answers requests: finds the route, checks the key, and lets a rollout's candidate answer."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine

from msgspec.structs import replace

from .answers import Answer, Part, Refused
from .application import Application, Reply, Work
from .aside import BIG, Aside
from .gate import Gate
from .journal import Journal
from .metrics import Metrics
from .router import Router
from .turn import UNLOGGED, Job, Turn, bug

ANSWER_SECONDS = 60.0
ELSEWHERE = 32
"""Requests that are asked at once of a model that answers elsewhere."""

_PINNED = "/versions/"  # in a path: the caller wants this very version


class Handler:
    """Answers calls with an application, or lets the candidate of a rollout answer.

    `inflight` are those that are not answered yet; `stopping` is set when the worker drains.
    """

    def __init__(
        self,
        application: Application,
        journal: Journal,
        router: Router,
        metrics: Metrics,
        gate: Gate | None = None,
    ) -> None:
        self.application = application
        self.router = router
        self.metrics = metrics
        self.gate = gate or Gate()
        self.inflight = 0
        self.stopping = False
        self._journal = journal
        self._turn = Turn(application, journal, metrics, self._send)
        self._aside = Aside(application, self._found)
        self._elsewhere = Aside(application, self._found, threads=ELSEWHERE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._version = (b"x-model-version", str(application.version).encode())

    def close(self) -> None:
        """End what is left."""
        self._turn.close()
        self._aside.close()
        self._elsewhere.close()

    def take(self, job: Job, client: int) -> None:
        """Answer a prediction at the end of this turn, or later.

        Raises:
            Refused: there is no room.
        """
        self.gate.enter(client)
        job.client = client
        self.inflight += 1
        if job.public and job.call.arm == "test":
            self.metrics.count("test_requests_total")
        elif job.public and _PINNED not in job.call.path:
            routes = self.router.routes
            job.release = routes.release
            if routes.candidate is not None:
                job.weight = routes.candidate.weight
                job.mirrored = routes.candidate.mirror
                if self.router.takes(job.call.key):
                    job.candidate = True
                    self._start(self._forwarded(job))
                    return
        self._own(job)

    def await_(self, job: Job, found: object) -> None:
        """Answer with what a route gave that is no prediction, and must be waited for."""
        self.inflight += 1
        self._found(job, found)

    def _own(self, job: Job) -> None:
        """Let this worker's own version answer."""
        try:
            if job.door.elsewhere:
                self._elsewhere.run(job)
            elif len(job.call.body) > BIG:
                self._aside.run(job)
            else:
                self._found(job, job.door.route(job.call))
        except Exception as exc:
            self._found(job, exc)

    def _found(self, job: Job, found: object) -> None:
        """Go on with what a route gave."""
        if isinstance(found, Work):
            self._turn.work(job, found)
        elif isinstance(found, Reply):
            self._turn.reply(job, found)
        elif isinstance(found, Answer):
            self._turn.reply(job, Reply(found))
        elif isinstance(found, Refused):
            self._turn.reply(job, Reply(job.door.refusal(found)))
        elif inspect.isawaitable(found):
            job.request.lost = self._start(self._awaited(job, found)).cancel
        else:
            self._turn.reply(job, Reply(job.door.refusal(bug(found))))

    async def _awaited(self, job: Job, found: Awaitable[Reply]) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._found(job, await found)
        except TimeoutError:
            reason = f"there was no answer within {ANSWER_SECONDS:g} s"
            self._found(job, Refused(503, "slow", reason))
        except asyncio.CancelledError:  # the client has gone
            self._left(job)
            raise
        except Exception as exc:
            self._found(job, exc)

    async def _forwarded(self, job: Job) -> None:
        """Let the candidate answer, and this version in its place when it cannot."""
        found = await self.router.forward(job.call)
        job.took = time.perf_counter() - job.call.started
        if found.answer is not None and found.answer.status < 400:
            job.good, job.version = True, found.version
            self._turn.reply(job, Reply(found.answer))
            return
        job.instead = found.answer
        job.failure = found.failure or "candidate_refused"
        job.call.arm = "fallback"
        self._own(job)

    def _send(self, job: Job, answer: Answer) -> None:
        """Let an answer leave whose lines are in the log."""
        call = job.call
        headers = ((b"x-request-id", call.request_id.encode()), *answer.headers)
        if job.version == self.application.version and answer is not job.instead:
            headers = (*headers, self._version)
        stream = None if answer.stream is None else self._logged(answer.stream)
        answer = replace(answer, headers=headers, stream=stream)
        self._left(job)
        if job.public:
            self.metrics.answered(answer)
            if job.client is not None:
                self.metrics.observe(job.version, time.perf_counter() - call.started)
        job.request.lost = None
        job.request.answer(answer)
        if job.mirrored and not self.router.copy(call):
            self.metrics.count("mirror_dropped_total")

    async def _logged(self, stream: AsyncIterator[Part]) -> AsyncIterator[Part]:
        async for part in stream:
            if part.lines and not self._turn.logged(part.lines):
                raise UNLOGGED
            for name, label, by in part.counts:
                self.metrics.count(name, label, by)
            yield part

    def _left(self, job: Job) -> None:
        self.inflight -= 1
        if job.client is not None:
            self.gate.leave(job.client)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop holds tasks weakly
        task.add_done_callback(self._tasks.discard)
        return task
