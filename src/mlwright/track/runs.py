"""Runs: one training each, written to the workspace first, then to the trackers that answer."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright.core import clock
from mlwright.core.errors import MlwrightError, UserError
from mlwright.core.workspace import Workspace
from mlwright.track import mirror

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Run:
    """A run that is under way; what it is told is kept in the workspace when it ends."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.metrics: dict[str, float] = {}
        self.tags: dict[str, str] = {}
        self.files: list[str] = []

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Add metrics; a later value of the same name replaces an earlier one."""
        self.metrics.update({name: float(value) for name, value in metrics.items()})

    def tag(self, name: str, value: str) -> None:
        """Set a tag."""
        self.tags[name] = value

    def attach(self, path: Path) -> None:
        """Add a file that MLflow gets a copy of when the run ends."""
        self.files.append(str(path.resolve()))


@contextlib.contextmanager
def start(
    workspace: Workspace,
    *,
    experiment: str,
    name: str,
    params: Mapping[str, Any],
    parent: Run | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[Run]:
    """Give a run that ends with the block: finished, or failed when the block raises.

    The trackers hear of it by `mirror.flush`, or meanwhile, where a command is `sending`.

    Args:
        workspace: where it is kept.
        experiment: the group of runs that it belongs to.
        name: what it is called in that group.
        params: what it was started with.
        parent: the run that it is a part of.
        tags: what else is known of it.
    """
    mark_dead(workspace)
    row = {
        "id": uuid.uuid4().hex,
        "experiment": experiment,
        "name": name,
        "status": "running",
        "parent": parent.id if parent else None,
        "started": clock.now(),
        "process": this_process(),
        "params": dict(params),
        "metrics": {},
        "tags": dict(tags or {}),
    }
    _begin(workspace, row)
    run = Run(str(row["id"]))
    try:
        yield run
    except BaseException as exc:  # an interrupt from the keyboard ends a run too
        run.tag("reason", _reason(exc))
        with contextlib.suppress(UserError):  # as on a full disk: `mark_dead` ends it later
            _end(workspace, run, "failed")
        raise
    _end(workspace, run, "finished")


def _reason(exc: BaseException) -> str:
    """Return why a run failed; a library's own words may quote a row's values, ours never do."""
    name = type(exc).__name__
    return f"{name}: {exc}" if isinstance(exc, MlwrightError) else name


def _begin(workspace: Workspace, row: dict[str, Any]) -> None:
    from sqlalchemy import insert

    from mlwright.core.state import outbox, runs

    begun = {"kind": mirror.BEGUN, "payload": {"run": row["id"]}, "created": row["started"]}
    with workspace.state.write() as connection:
        connection.execute(insert(runs).values(**row))
        connection.execute(insert(outbox).values(**begun))


def _end(workspace: Workspace, run: Run, status: str) -> None:
    kinds = mirror.kinds(workspace)
    with workspace.state.write() as connection:
        _close(
            connection,
            run.id,
            status,
            kinds=kinds,
            metrics=run.metrics,
            tags=run.tags,
            files=run.files,
        )


def _close(
    connection: Connection,
    run_id: str,
    status: str,
    *,
    kinds: tuple[str, ...],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    files: list[str],
) -> None:
    from sqlalchemy import insert, select, update

    from mlwright.core.state import outbox, runs

    now = clock.now()
    before = connection.execute(select(runs.c.tags).where(runs.c.id == run_id)).scalar_one()
    connection.execute(
        update(runs)
        .where(runs.c.id == run_id)
        .values(status=status, ended=now, metrics=dict(metrics), tags={**before, **tags})
    )
    payload = {"run": run_id, "files": files}
    for kind in kinds:
        connection.execute(insert(outbox).values(kind=kind, payload=payload, created=now))


def mark_dead(workspace: Workspace) -> None:
    """Mark the runs whose process has died as killed."""
    from sqlalchemy import select

    from mlwright.core.state import runs

    kinds = mirror.kinds(workspace)
    with workspace.state.write() as connection:
        running = select(runs.c.id, runs.c.process).where(runs.c.status == "running")
        for run_id, process in connection.execute(running).all():
            if not alive(process):
                died = {"reason": "its process ended without a word"}
                _close(connection, run_id, "killed", kinds=kinds, metrics={}, tags=died, files=[])


def this_process() -> dict[str, Any]:
    """Return what tells this process from every other on this machine, also later ones."""
    return {"pid": os.getpid(), "started": _started(os.getpid())}


def alive(process: Mapping[str, Any]) -> bool:
    """Tell whether the process that `this_process` described is still there."""
    return bool(_started(process["pid"]) == process["started"])


def _started(pid: int) -> str | None:
    """Return when a process started, in the system's own words, or None when it is gone."""
    try:
        # The name of the program, in brackets, may hold spaces: count from behind it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[19] if fields[0] not in "ZX" else None  # it has ended, unburied
    except FileNotFoundError:
        pass
    if Path("/proc/self").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "alive"
