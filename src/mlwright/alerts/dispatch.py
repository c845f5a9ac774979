"""Send an alert once while its condition lasts, and say so when it ends."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlwright.core import clock
from mlwright.core.errors import RemoteError
from mlwright.core.workspace import Workspace

from .alert import Alert
from .deliveries import Outcome, deliver, enqueue, first_channels

if TYPE_CHECKING:
    from sqlalchemy import Connection

Say = Callable[[str], None]


def _quiet(_line: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Sent:
    """To which channels an alert went; to none when it was open already. `failed` says why not."""

    channels: tuple[str, ...]
    duplicate: bool
    failed: tuple[tuple[str, str], ...] = ()


def send(
    workspace: Workspace, alert: Alert, *, patience: float | None = None, say: Say = _quiet
) -> Sent:
    """Tell the configured channels, unless an alert of this key is open.

    What a channel did not take is kept, told to a channel that stands in, and tried again by
    later calls: at least once, never not at all. No lock is held while channels are told.
    With `patience` it returns after that many seconds, with no channels, while a thread goes on.

    Raises:
        RemoteError: nobody took it; it is open all the same, and tried again.
    """
    from sqlalchemy import insert

    from mlwright.core.state import alerts

    with workspace.state.write() as connection:
        duplicate = _is_open(connection, alert.key)
        if not duplicate:
            row = {"key": alert.key, "opened": alert.time, "alert": alert.to_json()}
            result = connection.execute(insert(alerts).values(**row).returning(alerts.c.id))
            opened = result.scalar_one()
            enqueue(connection, opened, "opened", first_channels(workspace.settings))
    if duplicate:
        say(f"alert {alert.key} is open already")
    outcomes = _delivered(workspace, patience, say)
    if duplicate:
        return Sent((), duplicate=True)
    return _sent(alert, [outcome for outcome in outcomes if outcome.alert == opened])


def _delivered(workspace: Workspace, patience: float | None, say: Say) -> list[Outcome]:
    if patience is None:
        return deliver(workspace, say=say)
    pool = ThreadPoolExecutor(1, thread_name_prefix="alerts")
    try:
        return pool.submit(deliver, workspace, say=say).result(timeout=patience)
    except TimeoutError:
        return []
    finally:
        pool.shutdown(wait=False)


def _is_open(connection: Connection, key: str) -> bool:
    from sqlalchemy import select

    from mlwright.core.state import alerts

    is_open = (alerts.c.key == key) & alerts.c.closed.is_(None)
    return connection.execute(select(alerts.c.id).where(is_open)).first() is not None


def _sent(alert: Alert, outcomes: list[Outcome]) -> Sent:
    told = tuple(outcome.channel for outcome in outcomes if outcome.error is None)
    failed = tuple((o.channel, o.error) for o in outcomes if o.error is not None)
    if failed and not told:
        reasons = "; ".join(f"{channel}: {error}" for channel, error in failed)
        raise RemoteError(
            f"nobody could be told of the alert {alert.key}: {reasons}",
            hint="mend the channels under alerts in mlwright.yaml, then: mlwright alerts test; "
            "the alert is kept and tried again",
        )
    return Sent(told, duplicate=False, failed=failed)


def resolve(workspace: Workspace, key: str, *, say: Say = _quiet) -> bool:
    """Close the open alerts of this key and of those below it; return whether there were any.

    Keys are paths: resolving `production/churn` closes `production/churn/2/data_drift` too. Who
    was told of an alert is told of its end; who was not is no longer told of either.
    """
    from sqlalchemy import or_, select, update

    from mlwright.core.state import alerts

    with workspace.state.write() as connection:
        below = alerts.c.key.startswith(f"{key}/", autoescape=True)
        is_open = or_(alerts.c.key == key, below) & alerts.c.closed.is_(None)
        closing = list(connection.execute(select(alerts.c.id).where(is_open)).scalars())
        connection.execute(update(alerts).where(is_open).values(closed=clock.now()))
        for alert in closing:
            _end(connection, alert)
    deliver(workspace, say=say)
    return bool(closing)


def _end(connection: Connection, alert: int) -> None:
    from sqlalchemy import select, update

    from mlwright.core.state import deliveries

    table = deliveries.c
    same = (table.alert == alert) & (table.event == "opened")
    told = select(table.channel).where(same & table.arrived.is_not(None))
    enqueue(connection, alert, "resolved", connection.execute(told).scalars().all())
    waits = same & table.arrived.is_(None) & table.due.is_not(None)
    error = "the condition ended before this channel was told"
    connection.execute(update(deliveries).where(waits).values(due=None, error=error))


def open_alerts(workspace: Workspace, environment: str | None = None) -> list[Alert]:
    """Return the open alerts, of one environment or of all, oldest first."""
    from sqlalchemy import select

    from mlwright.core.state import alerts

    query = select(alerts.c.alert).where(alerts.c.closed.is_(None)).order_by(alerts.c.id)
    with workspace.state.read() as connection:
        found = [Alert.from_json(row.alert) for row in connection.execute(query)]
    return [alert for alert in found if environment in (None, alert.environment)]
