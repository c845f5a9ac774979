"""`mlwright promote`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, find_workspace, json_option, workspace_option, yes_option
from .output import confirmed, emit, say
from .status import show


@click.command(cls=Command, example="mlwright promote production")
@click.argument("environment")
@click.option("--why", default="", help="Is kept in the history.")
@yes_option
@workspace_option
@json_option
def command(environment: str, why: str, yes: bool, folder: Path | None, as_json: bool) -> None:
    """Give the new version of a rollout all traffic now."""
    from mlwright.deploy.release import promote
    from mlwright.track import mirror

    workspace = find_workspace(folder)
    confirmed(f"Give the new version in {environment} all traffic, guards or not?", yes=yes)
    status = promote(workspace, environment, why=why, say=say)
    mirror.flush(workspace, say=say)
    emit(status.to_json()) if as_json else show(status)
