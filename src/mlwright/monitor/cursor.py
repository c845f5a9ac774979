"""How far a watch has come: what it keeps, so that it goes on after a restart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlwright.core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Cursor:
    """Moments in seconds since 1970.

    Rows from `untested` on were judged by no check; `until` ends the newest window that was looked
    at, `labels` the labels that were judged, `reported` the newest report. `evidence` is of the
    loss.
    """

    untested: float
    until: float
    labels: float
    reported: float
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def first(cls, now: float, interval: float) -> Cursor:
        """Return where a watch begins: with the interval that has just ended."""
        begin = boundary(now, interval) - interval
        return cls(untested=begin, until=begin, labels=begin, reported=boundary(now, 86_400.0))


def boundary(moment: float, interval: float) -> float:
    """Return the newest end of a window at or before a moment; windows end at multiples in UTC.

    >>> boundary(7300.0, 3600.0)
    7200.0
    """
    return math.floor(moment / interval) * interval


def load(workspace: Workspace, environment: str) -> Cursor | None:
    """Return what was kept of this environment's watch, or None before the first."""
    from sqlalchemy import select

    from mlwright.core.state import watches

    query = select(watches).where(watches.c.environment == environment)
    with workspace.state.read() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Cursor(**{name: value for name, value in row.items() if name != "environment"})


def save(workspace: Workspace, environment: str, cursor: Cursor) -> None:
    """Keep how far the watch has come."""
    from sqlalchemy import delete, insert

    from mlwright.core.state import watches

    with workspace.state.write() as connection:
        connection.execute(delete(watches).where(watches.c.environment == environment))
        connection.execute(insert(watches).values(environment=environment, **asdict(cursor)))
