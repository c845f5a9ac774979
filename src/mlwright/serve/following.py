"""`mlwright predict --stream`: one consumer of a stream, in the foreground."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvloop

from mlwright.core.errors import ConfigError

from .applications import open_application
from .handler import Handler
from .journal import Journal
from .listener import Listener
from .metrics import Metrics
from .redis_stream import Following, RedisStream
from .router import Router
from .sides import Side, reading
from .spec import GRACE, IDLE, WorkerSpec
from .stream import DOOR, Counts, Follower, of_one


def follow(
    spec: WorkerSpec,
    following: Following,
    *,
    admin: socket.socket | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Counts:
    """Follow a stream in the foreground, until SIGTERM or SIGINT.

    Args:
        spec: the model, its log, what it may do.
        following: the streams.
        admin: a listening socket for /metrics and health.
        say: takes a line when it begins.

    Raises:
        RemoteError: Redis does not answer at the start; later that is waited for.
        ConfigError: there is something else than a stream; or the model takes no rows.
    """
    if following.place.stream in (following.answers, following.refused):
        raise ConfigError(
            "a stream cannot be written to itself: each answer would be the next message",
            hint="name another stream to write to",
        )
    counts: Counts = uvloop.run(_follow(spec, following, admin, say))
    return counts


async def _follow(
    spec: WorkerSpec,
    following: Following,
    admin: socket.socket | None,
    say: Callable[[str], None],
) -> Counts:
    application = open_application(spec)
    door = application.doors().get(DOOR)
    if door is None:
        raise ConfigError(
            f"{spec.model} takes no rows, so that no stream of them can be predicted",
            hint="name a model that answers POST /predict",
        )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stream = RedisStream(following, stop)
    application.warm()
    await stream.open()
    metrics = Metrics()
    journal = Journal(Path(spec.log_folder), spec.log)
    handler = Handler(application, journal, Router(), metrics)
    follower = Follower(
        Side(handler, {DOOR: of_one(door)}, limit=spec.max_body), stream, stop, following.idle
    )

    def page() -> str:
        gauges = {"queue": float(handler.gate.inside), "log_lag_seconds": journal.lag}
        if follower.behind is not None:
            gauges["stream_behind"] = float(follower.behind)
        return metrics.snapshot(gauges).text()

    listener = None
    if admin is not None:
        shown = Side(handler, reading(handler, page), limit=spec.max_body, private=True)
        listener = Listener(shown, admin)
        await listener.start()
    say(
        f"{spec.model}:{spec.version} answers the messages of {following.place.shown} to "
        f"{following.answers}, as {stream.consumer} of the group {following.group}; what cannot be "
        f"answered goes to {following.refused}; the log is {spec.log_folder}"
    )
    try:
        await follower.run()
    finally:
        handler.stopping = True
        if listener is not None:
            await listener.drain(idle=IDLE, grace=GRACE)
        handler.close()
        journal.close()
        await stream.close()
    return follower.counts
