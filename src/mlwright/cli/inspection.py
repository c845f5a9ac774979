"""What `mlwright train --check` prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import emit, say, table

if TYPE_CHECKING:
    from mlwright.core.settings import Model
    from mlwright.core.signature import Task
    from mlwright.train.inspect import Inspection


def show_table(
    folder: Path | None,
    *,
    data: str | None,
    target: str | None,
    task: Task | None,
    wanted: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Print the columns of a table and what is noticed about them; nothing is trained or kept."""
    from mlwright.train.inspect import inspect_configured

    settings, root = _configured(folder or Path.cwd())
    found = inspect_configured(
        settings, root, data=data, target=target, task=task, wanted=wanted, say=say
    )
    if as_json:
        emit(found.to_json())
    else:
        _show(found)


def _configured(start: Path) -> tuple[Model, Path]:
    """Return the configuration here or above; a workspace is not needed, and none is made."""
    from mlwright.core.errors import NotFound
    from mlwright.core.settings import read_settings
    from mlwright.core.workspace import Workspace

    try:
        workspace = Workspace.find(start)
    except NotFound:
        return read_settings(start).model, start
    return workspace.settings.model, workspace.root


def _show(found: Inspection) -> None:
    columns = [
        [column.name, column.kind, column.role, f"{column.missing:,}", f"{column.different:,}"]
        for column in found.columns
    ]
    title = f"{found.rows:,} rows, {found.task}; split {found.split}"
    table(["column", "kind", "role", "missing", "different"], columns, title=title)
    if not found.findings:
        click.echo("Nothing was noticed.")
        return
    noticed = [[f.kind, f.column or "", f"{f.score:.3g}", f.action] for f in found.findings]
    table(["noticed", "column", "score", "what is done"], noticed)
