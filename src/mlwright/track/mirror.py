"""The mirror in MLflow: the outbox of runs, versions and aliases, sent in order.

The workspace's database is the truth. Whatever changes in it leaves a message in the outbox in the
same transaction; `flush` sends the messages, as soon as the tracker answers.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlwright.core.config import reveal
from mlwright.core.errors import Busy, ConfigError, MissingExtra, RemoteError
from mlwright.core.workspace import Workspace

if TYPE_CHECKING:
    from mlwright.track.mlflow_mirror import Mirror

MLFLOW_ID = "mlflow_run"
"""The tag of a run's row that holds the id of the run in MLflow."""


class Refused(RemoteError):
    """The tracker answers, and does not take this message."""


_UNREACHABLE = (RemoteError, MissingExtra, ConfigError)  # the last: a token that is not set


@dataclass(frozen=True, slots=True)
class Flushed:
    """How many messages were sent, how many wait, and why the first of them does."""

    sent: int
    pending: int
    error: str | None


def uri(workspace: Workspace) -> str:
    """Return the tracker's address: the configured one, or SQLite in the workspace."""
    return workspace.settings.tracking.uri or f"sqlite:///{workspace.folder / 'mlflow.db'}"


def ui_command(workspace: Workspace) -> str:
    """Return the command that shows the runs in a browser."""
    return f"mlflow ui --backend-store-uri {shlex.quote(uri(workspace))}"


def begin(workspace: Workspace, run_id: str) -> str | None:
    """Make a run that has just begun known to MLflow; return its id there, now its id here too.

    Returns None, and leaves the run as it is, when the tracker does not answer.
    """
    try:
        mirror = _open(workspace)
        known = mirror.create_run(_run(workspace, run_id), _parent_id(workspace, run_id))
    except _UNREACHABLE:
        return None
    _set_id(workspace, run_id, known, rename=True)
    return known


def flush(workspace: Workspace, *, say: Callable[[str], None] = lambda _: None) -> Flushed:
    """Send what waits in the outbox, oldest first.

    A tracker that cannot be asked stops it; a message that the tracker refuses stays, with the
    reason, and the ones behind it are sent. Never raises for either.
    """
    try:
        with workspace.lock("tracker", "sending runs and versions to the tracker"):
            return _flush(workspace, say)
    except Busy as exc:
        return Flushed(0, len(_waiting(workspace)), str(exc))


def _flush(workspace: Workspace, say: Callable[[str], None]) -> Flushed:
    waiting = _waiting(workspace)
    sent = 0
    mirror: Mirror | None = None
    first_error: str | None = None
    for message in waiting:
        try:
            mirror = mirror or _open(workspace)
            _SEND[message.kind](workspace, mirror, message.payload)
        except Refused as exc:
            _keep(workspace, message.id, str(exc))
            first_error = first_error or str(exc)
            say(f"the tracker refused a {message.kind}: {exc}")
        except _UNREACHABLE as exc:
            _keep(workspace, message.id, str(exc))
            say(f"{len(waiting) - sent} messages wait for the tracker: {exc}")
            return Flushed(sent, len(waiting) - sent, str(exc))
        else:
            _done(workspace, message.id)
            sent += 1
    return Flushed(sent, len(waiting) - sent, first_error)


def _open(workspace: Workspace) -> Mirror:
    from mlwright.core.backends import require

    require("mlflow", extra="train", needed_by="tracking")
    from mlwright.track.mlflow_mirror import Mirror

    settings = workspace.settings.tracking
    artifacts = None if settings.uri else (workspace.folder / "mlruns").as_uri()
    token = reveal(settings.token) if settings.token else None
    return Mirror(uri(workspace), artifacts=artifacts, token=token)


def _send_run(workspace: Workspace, mirror: Mirror, payload: dict[str, Any]) -> None:
    known = _known_to_mlflow(workspace, mirror, payload["run"])
    mirror.end_run(known, _run(workspace, payload["run"]), payload["files"])


def _send_version(workspace: Workspace, mirror: Mirror, payload: dict[str, Any]) -> None:
    run = payload["run"] and _known_to_mlflow(workspace, mirror, payload["run"])
    folder = workspace.bundles / payload["bundle"]
    mirror.add_version(payload["model"], payload["version"], folder, run)


def _send_alias(workspace: Workspace, mirror: Mirror, payload: dict[str, Any]) -> None:
    # A message that was refused is sent again after later ones: only where it points now counts.
    if _points_to(workspace, payload["model"], payload["alias"]) == payload["version"]:
        mirror.set_alias(payload["model"], payload["alias"], payload["version"])


_SEND: dict[str, Callable[[Workspace, Mirror, dict[str, Any]], None]] = {
    "run": _send_run,
    "version": _send_version,
    "alias": _send_alias,
}


def _known_to_mlflow(workspace: Workspace, mirror: Mirror, run_id: str) -> str:
    """Return the run's id in MLflow; the run, and first its parent, are made there if need be."""
    run = _run(workspace, run_id)
    if MLFLOW_ID in run["tags"]:
        return str(run["tags"][MLFLOW_ID])
    parent = run["parent"] and _known_to_mlflow(workspace, mirror, run["parent"])
    known = mirror.find_run(run) or mirror.create_run(run, parent)
    _set_id(workspace, run_id, known, rename=False)
    return known


def _parent_id(workspace: Workspace, run_id: str) -> str | None:
    parent = _run(workspace, run_id)["parent"]
    return _run(workspace, parent)["tags"].get(MLFLOW_ID) if parent else None


def _run(workspace: Workspace, run_id: str) -> dict[str, Any]:
    from sqlalchemy import select

    from mlwright.core.state import runs

    with workspace.state.read() as connection:
        found = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one_or_none()
    if found is None:
        raise Refused(f"the workspace has no run {run_id}")
    return dict(found)


def _points_to(workspace: Workspace, model: str, alias: str) -> int | None:
    from sqlalchemy import select

    from mlwright.core.state import aliases

    this = (aliases.c.model == model) & (aliases.c.alias == alias)
    with workspace.state.read() as connection:
        return connection.execute(select(aliases.c.version).where(this)).scalar_one_or_none()


def _set_id(workspace: Workspace, run_id: str, known: str, *, rename: bool) -> None:
    from sqlalchemy import select, update

    from mlwright.core.state import runs

    with workspace.state.write() as connection:
        this = runs.c.id == run_id
        tags = connection.execute(select(runs.c.tags).where(this)).scalar_one()
        values = {"tags": {**tags, MLFLOW_ID: known}, "id": known if rename else run_id}
        connection.execute(update(runs).where(this).values(**values))


def _waiting(workspace: Workspace) -> list[Any]:
    from sqlalchemy import select

    from mlwright.core.state import outbox

    with workspace.state.read() as connection:
        return list(connection.execute(select(outbox).order_by(outbox.c.id)).all())


def _done(workspace: Workspace, message: int) -> None:
    from sqlalchemy import delete

    from mlwright.core.state import outbox

    with workspace.state.write() as connection:
        connection.execute(delete(outbox).where(outbox.c.id == message))


def _keep(workspace: Workspace, message: int, error: str) -> None:
    from sqlalchemy import update

    from mlwright.core.state import outbox

    with workspace.state.write() as connection:
        connection.execute(update(outbox).where(outbox.c.id == message).values(error=error))
