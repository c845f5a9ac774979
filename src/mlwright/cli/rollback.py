"""`mlwright rollback`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, find_workspace, json_option, workspace_option, yes_option
from .output import confirmed, emit, say
from .status import show


@click.command(cls=Command, example="mlwright rollback production")
@click.argument("environment")
@click.option("--to", type=int, help="The version to return to.  [default: the previous one]")
@click.option("--why", default="", help="Is kept in the history.")
@yes_option
@workspace_option
@json_option
def command(
    environment: str, to: int | None, why: str, yes: bool, folder: Path | None, as_json: bool
) -> None:
    """Return an environment to its previous version."""
    from mlwright.deploy.release import rollback
    from mlwright.track import mirror

    workspace = find_workspace(folder)
    confirmed(
        f"Return {environment} to {f'version {to}' if to else 'its previous version'}?", yes=yes
    )
    status = rollback(workspace, environment, to=to, why=why, say=say)
    mirror.flush(workspace, say=say)
    emit(status.to_json()) if as_json else show(status)
