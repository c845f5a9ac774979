"""Send an alert once while its condition lasts, and resolve it when it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlwright.core import clock
from mlwright.core.workspace import Workspace

from .alert import Alert
from .channels import CHANNELS

Say = Callable[[str], None]


def _quiet(_line: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Sent:
    """To which channels an alert went; to none when it was open already."""

    channels: tuple[str, ...]
    duplicate: bool


def send(workspace: Workspace, alert: Alert, *, say: Say = _quiet) -> Sent:
    """Tell every configured channel, unless an alert of this key is open.

    The alert counts as open only when every channel took it, so that one which failed is told
    by the next call: at least once, never not at all.

    Raises:
        RemoteError: a channel did not deliver.
    """
    from sqlalchemy import insert, select

    from mlwright.core.state import alerts

    with workspace.state.write() as connection:
        is_open = (alerts.c.key == alert.key) & alerts.c.closed.is_(None)
        if connection.execute(select(alerts.c.id).where(is_open)).first():
            say(f"alert {alert.key} is open already")
            return Sent((), duplicate=True)
        row = {"key": alert.key, "opened": alert.time, "alert": alert.to_json()}
        connection.execute(insert(alerts).values(**row))
        told = tuple(_tell(workspace, alert, say))
    return Sent(told, duplicate=False)


def _tell(workspace: Workspace, alert: Alert, say: Say) -> list[str]:
    told = []
    for settings in workspace.settings.alerts.channels:
        CHANNELS.load(settings.type)(settings, workspace.root).send(alert)
        told.append(f"{settings.type} {settings.path}")
        say(f"alert {alert.key} sent to {told[-1]}")
    return told


def resolve(workspace: Workspace, key: str) -> bool:
    """Close the open alerts of this key and of those below it; return whether there were any.

    Keys are paths: resolving `production/churn` closes `production/churn/2/data_drift` too.
    """
    from sqlalchemy import or_, update

    from mlwright.core.state import alerts

    with workspace.state.write() as connection:
        below = alerts.c.key.startswith(f"{key}/", autoescape=True)
        is_open = or_(alerts.c.key == key, below) & alerts.c.closed.is_(None)
        closed = connection.execute(update(alerts).where(is_open).values(closed=clock.now()))
    return closed.rowcount > 0


def open_alerts(workspace: Workspace, environment: str | None = None) -> list[Alert]:
    """Return the open alerts, of one environment or of all, oldest first."""
    from sqlalchemy import select

    from mlwright.core.state import alerts

    query = select(alerts.c.alert).where(alerts.c.closed.is_(None)).order_by(alerts.c.id)
    with workspace.state.read() as connection:
        found = [Alert.from_json(row.alert) for row in connection.execute(query)]
    return [alert for alert in found if environment in (None, alert.environment)]
