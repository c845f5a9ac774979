"""The history of retrainings: what was asked for, what was found, and why it ended so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import insert, select, update

from mlwright.core import clock
from mlwright.core.state import retrains
from mlwright.core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Entry:
    """One retraining. Without an `outcome` it is under way, or its process died.

    `detail` holds `asked`, `data`, `mix` and `why`, as far as it came.
    """

    id: int
    environment: str
    model: str
    reason: str
    started: float
    ended: float | None
    champion: int
    challenger: int | None
    comparison: Mapping[str, Any]
    decision: str | None
    outcome: str | None
    detail: Mapping[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a JSON object."""
        return {
            "environment": self.environment,
            "model": self.model,
            "reason": self.reason,
            "started": clock.iso(self.started),
            "ended": clock.iso(self.ended) if self.ended else None,
            "champion": self.champion,
            "challenger": self.challenger,
            "comparison": dict(self.comparison),
            "decision": self.decision,
            "outcome": self.outcome,
            **(self.detail or {}),
        }


def entries(workspace: Workspace, environment: str | None = None) -> list[Entry]:
    """Return the retrainings of an environment, or of all, the newest first."""
    query = select(retrains).order_by(retrains.c.id.desc())
    if environment is not None:
        query = query.where(retrains.c.environment == environment)
    with workspace.state.read() as connection:
        return [Entry(**row) for row in connection.execute(query).mappings()]


def unfinished(workspace: Workspace, environment: str) -> Entry | None:
    """Return the newest retraining of an environment when it came to no end."""
    newest = entries(workspace, environment)[:1]
    return next((entry for entry in newest if entry.outcome is None and entry.detail), None)


def begin(workspace: Workspace, **values: Any) -> int:
    """Keep that a retraining begins, and return its id."""
    with workspace.state.write() as connection:
        done = connection.execute(insert(retrains).values(comparison={}, **values))
    return cast("tuple[int]", done.inserted_primary_key)[0]


def note(workspace: Workspace, entry: int, **values: Any) -> None:
    """Keep how far a retraining has come; `detail` is added to what is there."""
    with workspace.state.write() as connection:
        mine = retrains.c.id == entry
        if "detail" in values:
            before = connection.execute(select(retrains.c.detail).where(mine)).scalar() or {}
            values["detail"] = {**before, **values["detail"]}
        connection.execute(update(retrains).where(mine).values(**values))
