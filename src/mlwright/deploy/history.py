"""Who did what in an environment, and why."""

from __future__ import annotations

from typing import Any

from mlwright.core import clock
from mlwright.core.workspace import Workspace

from . import releases
from .outcome import SETTLED


def history_of(workspace: Workspace, environment: str, *, limit: int = 50) -> list[dict[str, Any]]:
    """Return the newest events, newest first: time, release, what, who, why.

    Raises:
        NotFound: nothing was ever deployed there.
    """
    with workspace.state.read() as connection:
        releases.known_environment(connection, environment)
        events = releases.history(connection, environment, limit=limit)
        made = {
            number: releases.release(connection, number)
            for number in {event.release for event in events if event.release is not None}
        }
    shown = []
    for event in events:
        if event.what == SETTLED or event.release is None:
            continue
        about = made[event.release]
        who = event.detail.get("who") or ("the supervisor" if event.what != "stopped" else "")
        shown.append(
            {
                "time": clock.iso(event.time),
                "release": event.release,
                "version": about.ref,
                "what": event.detail.get("request", event.what),
                "who": who,
                "why": event.detail.get("reason") or about.options.get("why", ""),
            }
        )
    return shown
