"""`mlwright stop`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, find_workspace, json_option, workspace_option, yes_option
from .output import confirmed, emit


@click.command(cls=Command, example="mlwright stop production")
@click.argument("environment", required=False)
@click.option("--all", "every", is_flag=True, help="Every environment of the workspace.")
@yes_option
@workspace_option
@json_option
def command(
    environment: str | None, every: bool, yes: bool, folder: Path | None, as_json: bool
) -> None:
    """Stop an environment and every process of it."""
    from mlwright.deploy.release import stop, stop_all

    if bool(environment) == every:
        raise click.UsageError("name one environment, or give --all")
    workspace = find_workspace(folder)
    confirmed(f"Stop {environment or 'every environment'}?", yes=yes)
    if environment:
        stop(workspace, environment)
        stopped = [environment]
    else:
        stopped = stop_all(workspace)
    if as_json:
        emit({"stopped": stopped})
    else:
        click.echo(f"Stopped: {', '.join(stopped) or 'nothing was running'}")
