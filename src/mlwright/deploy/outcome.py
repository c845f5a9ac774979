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
_PATIENCE = 0.5  # seconds: whoever settles has traffic to move back, and a channel may hang


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
    """Return whether a guard or the check of the split ended the release, and no person."""
    decided = [event for event in events if event.what == "rollback"]
    found = [event.detail["evidence"] for event in decided]
    worse = any(guard["worse"] for evidence in found for guard in evidence["guards"])
    return worse or any(evidence.get("split", {}).get("mismatch") for evidence in found)


def _alert(workspace: Workspace, release: Release) -> str:
    worse = next((guard for guard in release.evidence["guards"] if guard["worse"]), None)
    found = worse or release.evidence["split"]
    name = f"{worse['guard']}={worse['limit']}" if worse else "the split of traffic"
    alert = alerts.Alert(
        kind="release_rolled_back",
        model=release.ref,
        environment=release.environment,
        what=f"evidence against it ({name}), e-value",
        value=f"{found['e_value']:,.0f}",
        threshold=f"{found['threshold']:,.0f}",
        causes=(release.reason,),
        action=f"mlwright status {release.environment}",
        key=f"{release.environment}/release-{release.id}/rolled_back",
        time=clock.now(),
    )
    try:
        sent = alerts.send(workspace, alert, patience=_PATIENCE)
    except MlwrightError as exc:
        return f"not sent: {exc}"
    return "sent" if sent.channels else "being sent"
