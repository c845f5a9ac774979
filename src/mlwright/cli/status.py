"""`mlwright status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, facts, table

if TYPE_CHECKING:
    from mlwright.deploy.release import Status


@click.command(cls=Command, example="mlwright status production")
@click.argument("environment", required=False)
@workspace_option
@json_option
def command(environment: str | None, folder: Path | None, as_json: bool) -> None:
    """Show what answers where, and the rollout under way."""
    from mlwright.deploy.release import environments, status

    workspace = find_workspace(folder)
    if environment:
        found = status(workspace, environment)
        emit(found.to_json()) if as_json else show(found)
        return
    every = [status(workspace, name) for name in environments(workspace)]
    if as_json:
        emit({"environments": [one.to_json() for one in every]})
    elif not every:
        click.echo("No environment yet. Next: mlwright deploy MODEL production")
    for one in every if not as_json else ():
        show(one)


def show(status: Status) -> None:
    """Print one environment for a person."""
    known = {
        status.environment: status.url or "not answering",
        "platform": status.platform,
        "outcome": f"{status.outcome}: {status.reason}" if status.reason else status.outcome,
    }
    if status.supervisor == "down":
        # Its workers go on answering, so nothing else here would tell.
        known["supervisor"] = "down: nothing starts workers anew; deploying again brings it back"
    facts(known)
    rows = [[v["version"], f"{v['weight']:.0%}", v["state"]] for v in status.to_json()["versions"]]
    table(["version", "share of traffic", "state"], rows)
