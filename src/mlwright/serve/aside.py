"""Requests that a thread answers, so that the others need not wait.

Large ones, which take a while to read and predict; and those of a model that answers elsewhere,
which are waited for many at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .answers import Refused
from .application import Application, Work
from .turn import Job

BIG = 128 * 1024
"""Bytes of a body from which it is large."""

WAITING = 16
"""Requests a thread that may be under way or wait for it."""

LONGEST = 30.0
"""Seconds after which nobody begins with a request any more: its caller has most likely gone."""

Found = object


class Aside:
    """Some threads; `done` gets what a job came to, or its exception, in the event loop."""

    def __init__(
        self, application: Application, done: Callable[[Job, Found], None], *, threads: int = 1
    ) -> None:
        self._application = application
        self._done = done
        self._threads = threads
        self._waiting = 0
        self._pool: ThreadPoolExecutor | None = None

    def run(self, job: Job) -> None:
        """Answer a job in a thread.

        Raises:
            Refused: 503 when too many wait.
        """
        if self._waiting >= WAITING * self._threads:
            busy = ((b"retry-after", b"1"),)
            raise Refused(503, "overload", "too many such requests wait; try again", headers=busy)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "mlwright-aside")
        self._waiting += 1
        loop = asyncio.get_running_loop()
        self._pool.submit(self._run, job, loop)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _run(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        found: Found
        try:
            if time.perf_counter() - job.call.started > LONGEST:
                raise Refused(503, "slow", f"there was no room within {LONGEST:g} s")
            found = job.door.route(job.call)
            if isinstance(found, Work):
                found = self._application.work([(job.call, found)])[0]
        except Exception as exc:
            found = exc
        loop.call_soon_threadsafe(self._end, job, found)

    def _end(self, job: Job, found: Found) -> None:
        self._waiting -= 1
        self._done(job, found)
