"""How a verb waits for the outcome of its release, and what it says meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from mlwright.core.workspace import Workspace

from . import launch, processes, releases
from .outcome import SETTLED, is_settled
from .releases import Event, Release
from .status import Status, status, supervisor_file
from .strategies import TRIED

Say = Callable[[str], None]
_POLL = 0.05
_SETTLED = {"incident": "incident report", "error": "what follows from it failed"}


def wait(
    workspace: Workspace, release: Release, timeout: float, say: Say, *, asked: bool = False
) -> Status:
    """Wait until the release has its outcome, or the time is up, and return the status.

    What is only tried, as a shadow, is waited for until it has begun; when a person has `asked` for
    its end, until that. Then only what happens from now on is said.

    Raises:
        RemoteError: the supervisor ended before the release did.
    """
    until = time.monotonic() + timeout
    with workspace.state.read() as connection:
        told = len(releases.events_of(connection, release)) - 1 if asked else 0
    supervisor = supervisor_file(workspace.environment(release.environment))
    while True:
        alive = processes.living(supervisor) is not None
        with workspace.state.read() as connection:
            found = releases.release(connection, release.id)
            events = releases.events_of(connection, found)
            there = releases.known_environment(connection, release.environment)
        for event in events[told:]:
            if line := describe(found.ref, event):
                say(line)
        told = len(events)
        if not found.under_way and not alive:
            break
        if not found.under_way and is_settled(events) and there.wanted == "running":
            break
        if time.monotonic() > until or (_tried(found) and not asked):
            break
        if not alive:
            raise launch.died(workspace, release.environment)
        time.sleep(_POLL)
    return status(workspace, release.environment)


def _tried(release: Release) -> bool:
    return release.state == "rolling" and release.strategy in TRIED


def wait_answering(workspace: Workspace, environment: str, timeout: float) -> Status:
    """Wait until the version that is live answers, or the time is up, and return the status."""

    def answers() -> bool:
        shares = status(workspace, environment).versions
        return any(share.state == "answering" for share in shares)

    processes.wait_until(answers, timeout)
    return status(workspace, environment)


def describe(ref: str, event: Event) -> str:
    """Say in a line what an event of a release means; "" where what follows says it.

    >>> from mlwright.deploy.releases import Event
    >>> describe("churn:2", Event(1, 0.0, "staging", 1, "live", {"reason": "passed its tests"}))
    'churn:2 live: passed its tests'
    """
    detail = event.detail
    if event.what == SETTLED:
        return next((f"{_SETTLED[key]}: {detail[key]}" for key in _SETTLED if key in detail), "")
    if event.what == "shift":
        return f"{ref} gets {detail['reason']}"
    if event.what == "asked":
        why = f" ({detail['reason']})" if "reason" in detail else ""
        return f"{detail['who']} asked for: {detail['request']}{why}"
    if event.what in ("pending", "promote", "rollback"):
        return ""
    reason = f": {detail['reason']}" if "reason" in detail else ""
    return f"{ref} {event.what.replace('_', ' ')}{reason}"
