"""Reading runs back: all of them, or the one that a few characters of its id mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.core import clock
from mlwright.core.errors import NotFound, UserError
from mlwright.core.workspace import Workspace
from mlwright.track import models
from mlwright.track.mirror import MLFLOW_ID
from mlwright.track.runs import mark_dead

FEWEST_CHARACTERS = 4


@dataclass(frozen=True, slots=True)
class Record:
    """A run as the workspace holds it; `status` is running, finished, failed or killed."""

    id: str
    experiment: str
    name: str
    status: str
    parent: str | None
    started: float
    ended: float | None
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @property
    def reason(self) -> str:
        """Return why it failed or was killed, or nothing."""
        return self.tags.get("reason", "")

    @property
    def mlflow_id(self) -> str:
        """Return the run's id in MLflow, or nothing while MLflow does not know it."""
        return self.tags.get(MLFLOW_ID, "")

    def to_json(self) -> dict[str, Any]:
        """Return the run as a JSON object."""
        return {
            "run_id": self.id,
            "experiment": self.experiment,
            "name": self.name,
            "status": self.status,
            "reason": self.reason,
            "parent": self.parent,
            "started": clock.iso(self.started),
            "seconds": None if self.ended is None else round(self.ended - self.started, 3),
            "params": dict(self.params),
            "metrics": dict(self.metrics),
            "tags": dict(self.tags),
        }


def list_runs(workspace: Workspace) -> list[Record]:
    """Return every run, the newest first; those whose process has died are killed."""
    from sqlalchemy import select

    from mlwright.core.state import runs

    mark_dead(workspace)
    names = Record.__dataclass_fields__
    query = select(*(runs.c[name] for name in names)).order_by(runs.c.started.desc(), runs.c.id)
    with workspace.state.read() as connection:
        return [Record(**row) for row in connection.execute(query).mappings()]


def find_run(workspace: Workspace, text: str) -> Record:
    """Return the run of a MODEL (`name:N`, `name@alias`), or the one whose id begins so.

    An id is given by four characters or more; the one that MLflow gave the run does as well.

    Raises:
        NotFound: there is none.
        UserError: there are several.
    """
    if ":" in text or "@" in text:
        text = models.resolve(workspace, text).run or text
    known = list_runs(workspace)
    found = [run for run in known if text in (run.id[: len(text)], run.mlflow_id[: len(text)])]
    if not found or len(text) < FEWEST_CHARACTERS:
        raise NotFound(
            f"no run has an id that begins with {text!r}",
            hint="mlwright runs list" if known else "mlwright train --data FILE --target COLUMN",
        )
    if len(found) > 1:
        raise UserError(
            f"{len(found)} runs have ids that begin with {text!r}",
            hint=f"give more characters: {', '.join(run.id[:12] for run in found[:4])}",
        )
    return found[0]


def version_of(workspace: Workspace, run: Record) -> models.ModelVersion | None:
    """Return the version that the run registered, if it did."""
    known = models.list_models(workspace)
    return next((version for version in known if version.run == run.id), None)
