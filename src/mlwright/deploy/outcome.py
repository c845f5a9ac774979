"""What follows once a release has its outcome: the alias, the incident report, the alert.

Each is done after the outcome was written, and done again when the process died in between.
"""

from __future__ import annotations

import traceback

from sqlalchemy import select

from mlwright import alerts
from mlwright.core import clock
from mlwright.core.errors import Busy, MlwrightError
from mlwright.core.state import events
from mlwright.core.state import releases as table
from mlwright.core.workspace import Workspace
from mlwright.track import models

from . import incident, releases
from .releases import Event, Release

SETTLED = "settled"


def settle_all(workspace: Workspace, environment: str) -> None:
    """Do what follows from every outcome of an environment that was not followed yet, in order.

    Not from the newest alone: a release may begin before what follows from the last was done.
    """
    done = select(events.c.release).where(events.c.what == SETTLED, events.c.release.is_not(None))
    here = (table.c.environment == environment) & table.c.state.not_in(releases.UNDER_WAY)
    query = select(table.c.id).where(here, table.c.id.not_in(done)).order_by(table.c.id)
    with workspace.state.read() as connection:
        numbers = connection.execute(query).scalars().all()
        ended = [releases.release(connection, number) for number in numbers]
    for release in ended:
        settle(workspace, release)


def settle(workspace: Workspace, release: Release) -> None:
    """Do what follows from a release's outcome, once."""
    with workspace.state.read() as connection:
        history = releases.events_of(connection, release)
    if is_settled(history):
        return
    try:
        detail = _follow(workspace, release, history)
    except Busy:
        raise  # it passes: the next look tries again
    except Exception as exc:
        # Traffic stands as it was decided, and nobody is to wait for a report for ever.
        traceback.print_exc()
        detail = {"error": f"{type(exc).__name__}: {exc}"}
    with workspace.state.write() as connection:
        releases.record(connection, release, SETTLED, **detail)


def _follow(workspace: Workspace, release: Release, events: list[Event]) -> dict[str, str]:
    settings = workspace.settings.environment(release.environment)
    if release.state == "live" and settings.holds_champion:
        models.set_alias(workspace, release.model, models.CHAMPION, release.version)
    if release.state == "rolled_back" and by_guard(events):
        report = incident.write(workspace, release, events)
        return {"incident": str(report), "alert": _alert(workspace, release)}
    return {}


def is_settled(events: list[Event]) -> bool:
    """Return whether everything that follows from the outcome is done."""
    return any(event.what == SETTLED for event in events)


def by_guard(events: list[Event]) -> bool:
    """Return whether a guard ended the release, and no person."""
    decided = [event for event in events if event.what == "rollback"]
    return any(guard["worse"] for event in decided for guard in event.detail["evidence"]["guards"])


def _alert(workspace: Workspace, release: Release) -> str:
    worse = next(guard for guard in release.evidence["guards"] if guard["worse"])
    alert = alerts.Alert(
        kind="release_rolled_back",
        model=release.ref,
        environment=release.environment,
        what=f"evidence against it ({worse['guard']}={worse['limit']}), e-value",
        value=f"{worse['e_value']:,.0f}",
        threshold=f"{worse['threshold']:,.0f}",
        causes=(worse["verdict"],),
        action=f"mlwright status {release.environment}",
        key=f"{release.environment}/release-{release.id}/rolled_back",
        time=clock.now(),
    )
    try:
        alerts.send(workspace, alert)
    except MlwrightError as exc:
        return f"not sent: {exc}"
    return "sent"
