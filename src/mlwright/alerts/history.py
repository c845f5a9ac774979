"""Every alert of a workspace, and how telling people of it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlwright.core import clock
from mlwright.core.workspace import Workspace

from .alert import Alert


@dataclass(frozen=True, slots=True)
class Kept:
    """An alert of the past or of now, and how telling people went."""

    alert: Alert
    closed: float | None
    deliveries: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        times = {
            "time": clock.iso(self.alert.time),
            "resolved": None if self.closed is None else clock.iso(self.closed),
        }
        return {**self.alert.to_json(), **times, "deliveries": list(self.deliveries)}


def history(workspace: Workspace, environment: str | None = None) -> list[Kept]:
    """Return every alert with its deliveries, newest first."""
    from sqlalchemy import select

    from mlwright.core.state import alerts, deliveries

    told: dict[int, list[dict[str, Any]]] = {}
    with workspace.state.read() as connection:
        for row in connection.execute(select(deliveries).order_by(deliveries.c.event)):
            told.setdefault(row.alert, []).append(_delivery(row))
        rows = connection.execute(select(alerts).order_by(alerts.c.id.desc())).all()
    kept = [Kept(Alert.from_json(r.alert), r.closed, tuple(told.get(r.id, ()))) for r in rows]
    return [each for each in kept if environment in (None, each.alert.environment)]


def _delivery(row: Any) -> dict[str, Any]:
    return {
        "channel": row.channel,
        "event": row.event,
        "arrived": None if row.arrived is None else clock.iso(row.arrived),
        "tries": row.tries,
        "next": None if row.due is None else clock.iso(row.due),
        "error": row.error,
    }
