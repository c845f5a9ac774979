"""What is still to be told to whom: kept in the state, so that a death or a failure loses nothing.

A delivery is claimed, then told without any lock on the state, then recorded. What fails is tried
three times at once, then handed to another channel, and tried again later for a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from mlwright.core import clock
from mlwright.core.channels import FileChannel
from mlwright.core.errors import MlwrightError
from mlwright.core.settings import Settings
from mlwright.core.workspace import Workspace

from .alert import Alert
from .channels import CHANNELS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

Event = Literal["opened", "resolved"]
Say = Callable[[str], None]

WAITS = (0.2, 1.0)  # seconds between the tries of one call
LATER = (60.0, 300.0, 1800.0, 7200.0, 21600.0, 57600.0)  # seconds until the next call may try
LEASE = 120.0  # seconds after which a delivery whose teller died is anyone's
HOUR = 3600.0


class Addressed(Protocol):
    """Settings of a channel."""

    @property
    def type(self) -> str:
        """Return the kind of channel."""

    @property
    def label(self) -> str:
        """Return its name in messages."""

    @property
    def fallback(self) -> bool:
        """Return whether it is told only of what others did not take."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How telling one channel of one alert ended; `error` is None when it arrived."""

    alert: int
    event: Event
    channel: str
    error: str | None


@dataclass(frozen=True, slots=True)
class _Claim:
    id: int
    event: Event
    channel: Addressed
    tries: int
    alert: Alert


def enqueue(connection: Connection, alert: int, event: Event, channels: Iterable[str]) -> None:
    """Note that these channels are to be told, in the transaction that opens or closes."""
    _insert(connection, alert, event, channels, note="", known=set())


def deliver(workspace: Workspace, *, say: Say) -> list[Outcome]:
    """Tell what is due, and what that leaves to another channel; return how each ended."""
    outcomes: list[Outcome] = []
    while claims := _claim(workspace, say):
        told = _tell(workspace, claims, say)
        _record(workspace, claims, told)
        outcomes += told
    return outcomes


def first_channels(settings: Settings) -> list[str]:
    """Return who is told of every alert; where all are fallbacks, all are."""
    channels = settings.alerts.channels
    first = [channel.label for channel in channels if not channel.fallback]
    return first or [channel.label for channel in channels]


def known_channels(settings: Settings) -> dict[str, Addressed]:
    """Return every channel by its label, and the file that is told when nothing else can be."""
    last: Addressed = FileChannel.model_validate({"path": "alerts.txt", "fallback": True})
    return {last.label: last, **{channel.label: channel for channel in settings.alerts.channels}}


def _claim(workspace: Workspace, say: Say) -> list[_Claim]:
    """Take what is due; whoever else looks now finds it taken for a while."""
    from sqlalchemy import select, update

    from mlwright.core.state import alerts, deliveries

    now = clock.now()
    channels = known_channels(workspace.settings)
    due = (
        select(deliveries, alerts.c.alert.label("content"), alerts.c.closed)
        .join(alerts, alerts.c.id == deliveries.c.alert)
        .where(deliveries.c.due <= now)
        .order_by(deliveries.c.alert, deliveries.c.event)
    )
    claims = []
    with workspace.state.read() as connection:
        if connection.execute(due.limit(1)).first() is None:
            return []
    with workspace.state.write() as connection:
        rows = connection.execute(due).all()
        room = _Room(connection, workspace.settings.alerts.most_per_hour, now)
        for row in rows:
            change = update(deliveries).where(_same(row.alert, row.event, row.channel))
            if row.channel not in channels:
                gone = "the channel is no longer configured"
                connection.execute(change.values(due=None, error=gone))
            elif row.event == "opened" and (free := room.take(row.channel)) > now:
                connection.execute(change.values(due=free))
                say(f"held back until {clock.iso(free)}: {row.channel} was told enough this hour")
            else:
                connection.execute(change.values(due=now + LEASE))
                claims.append(_claimed(row, channels[row.channel]))
    return claims


class _Room:
    """How much each channel may still be told within an hour."""

    def __init__(self, connection: Connection, most: int, now: float) -> None:
        self._connection = connection
        self._most = most
        self._now = now
        self._told: dict[str, list[float]] = {}

    def take(self, channel: str) -> float:
        """Take one place and return `now`, or return when there will be one."""
        told = self._told.setdefault(channel, list(self._recent(channel)))
        if len(told) >= self._most:
            return told[-self._most] + HOUR
        told.append(self._now)
        return self._now

    def _recent(self, channel: str) -> Iterator[float]:
        from sqlalchemy import select

        from mlwright.core.state import deliveries

        arrived = deliveries.c.arrived
        recent = (deliveries.c.channel == channel) & (arrived > self._now - HOUR)
        query = select(arrived).where(recent & (deliveries.c.event == "opened")).order_by(arrived)
        yield from self._connection.execute(query).scalars()


def _claimed(row: Row[tuple[object, ...]], channel: Addressed) -> _Claim:
    alert = Alert.from_json(row.content)
    if row.event == "resolved":
        alert = replace(alert, resolved=row.closed)
    elif row.note:
        alert = replace(alert, causes=(*alert.causes, row.note))
    return _Claim(row.alert, row.event, channel, row.tries, alert)


def _tell(workspace: Workspace, claims: list[_Claim], say: Say) -> list[Outcome]:
    """Tell the channels side by side, each its own alerts in their order."""
    queues: dict[str, list[_Claim]] = {}
    for claim in claims:
        queues.setdefault(claim.channel.label, []).append(claim)

    def work(queue: list[_Claim]) -> list[Outcome]:
        return [_one(workspace, claim) for claim in queue]

    with ThreadPoolExecutor(len(queues), thread_name_prefix="alerts") as pool:
        outcomes = [outcome for told in pool.map(work, queues.values()) for outcome in told]
    keys = {claim.id: claim.alert.key for claim in claims}
    for outcome in outcomes:
        what = "sent to" if outcome.event == "opened" else "resolved at"
        if outcome.error is not None:
            what = f"not {what}"
        why = f": {outcome.error}" if outcome.error else ""
        say(f"alert {keys[outcome.alert]} {what} {outcome.channel}{why}")
    return outcomes


def _one(workspace: Workspace, claim: _Claim) -> Outcome:
    error = ""
    for wait in (*WAITS, None):
        try:
            opener = CHANNELS.load(claim.channel.type)
            opener(claim.channel, workspace.root).send(claim.alert)
        except MlwrightError as exc:
            error = str(exc)
        except Exception as exc:  # a channel of another package must not keep the others waiting
            error = f"{type(exc).__name__}: {exc}"
        else:
            return Outcome(claim.id, claim.event, claim.channel.label, None)
        if wait is not None:
            time.sleep(wait)
    return Outcome(claim.id, claim.event, claim.channel.label, error)


def _record(workspace: Workspace, claims: list[_Claim], outcomes: list[Outcome]) -> None:
    """Keep how each ended; a first failure is handed to whoever stands in."""
    from sqlalchemy import select, update

    from mlwright.core.state import alerts, deliveries

    tries = {(claim.id, claim.event, claim.channel.label): claim.tries for claim in claims}
    now = clock.now()
    with workspace.state.write() as connection:
        for outcome in outcomes:
            place = (outcome.alert, outcome.event, outcome.channel)
            change = update(deliveries).where(_same(*place))
            closed = select(alerts.c.closed).where(alerts.c.id == outcome.alert)
            over = outcome.event == "opened" and connection.execute(closed).scalar() is not None
            if outcome.error is None:
                connection.execute(change.values(due=None, arrived=now, error=None))
                if over:  # it ended while this channel was being told of it
                    _stand_in(connection, outcome, [outcome.channel], event="resolved", note="")
                continue
            tried = tries[place]
            again = now + LATER[tried] if tried < len(LATER) and not over else None
            connection.execute(change.values(due=again, tries=tried + 1, error=outcome.error))
            if tried == 0 and outcome.event == "opened":
                note = f"{outcome.channel} did not take this alert"
                _stand_in(connection, outcome, _others(workspace, outcome), "opened", note)


def _others(workspace: Workspace, failed: Outcome) -> list[str]:
    """Return who stands in: the fallbacks, or the file `alerts.txt` where none is configured."""
    channels = known_channels(workspace.settings)
    named = [label for label, channel in channels.items() if channel.fallback]
    own = {channel.label for channel in workspace.settings.alerts.channels}
    chosen = [label for label in named if label in own] or named
    return [label for label in chosen if label != failed.channel]


def _stand_in(
    connection: Connection, outcome: Outcome, channels: list[str], event: Event, note: str
) -> None:
    from sqlalchemy import select

    from mlwright.core.state import deliveries

    same = (deliveries.c.alert == outcome.alert) & (deliveries.c.event == event)
    known = set(connection.execute(select(deliveries.c.channel).where(same)).scalars())
    _insert(connection, outcome.alert, event, channels, note=note, known=known)


def _insert(
    connection: Connection,
    alert: int,
    event: Event,
    channels: Iterable[str],
    *,
    note: str,
    known: set[str],
) -> None:
    from sqlalchemy import insert

    from mlwright.core.state import deliveries

    for channel in dict.fromkeys(channels):
        if channel not in known:
            row = {"alert": alert, "event": event, "channel": channel, "note": note}
            connection.execute(insert(deliveries).values(**row, tries=0, due=clock.now()))


def _same(alert: int, event: str, channel: str) -> ColumnElement[bool]:
    from sqlalchemy import and_

    from mlwright.core.state import deliveries

    table = deliveries.c
    return and_(table.alert == alert, table.event == event, table.channel == channel)
