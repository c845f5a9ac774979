"""`mlwright monitor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.processor import prefer_fast_sort

from .monitor_check import check
from .monitor_report import report
from .monitor_rules import dashboard, exporter, rules
from .monitor_watch import watch
from .options import (
    Command,
    environment_meant,
    environment_option,
    find_workspace,
    json_option,
    workspace_option,
)
from .output import emit

if TYPE_CHECKING:
    pass


@click.group()
def command() -> None:
    """Check what production sees and answers; add true labels."""
    prefer_fast_sort()


command.add_command(check)
command.add_command(watch)
command.add_command(report)
command.add_command(dashboard)
command.add_command(exporter)
command.add_command(rules)


@command.command(cls=Command, example="mlwright monitor label labels.csv --environment production")
@click.argument("file", type=click.Path(path_type=Path))
@environment_option("Whose predictions.")
@workspace_option
@json_option
def label(file: Path, environment: str | None, folder: Path | None, as_json: bool) -> None:
    """Add true labels: a file with the columns request_id and label."""
    from mlwright.monitor.labels import add_file

    workspace = find_workspace(folder)
    added = add_file(workspace, environment_meant(workspace, environment), file)
    if as_json:
        emit({"added": added.added, "unknown": added.unknown})
    else:
        unknown = (
            f", {added.unknown:,} for requests that are not in the log" if added.unknown else ""
        )
        word = "label" if added.added == 1 else "labels"
        click.echo(f"{added.added:,} {word} added{unknown}")
