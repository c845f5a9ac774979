"""`mlwright retrain`."""

from __future__ import annotations

from pathlib import Path

import click

from mlwright.core.clock import moment

from .options import (
    Command,
    find_workspace,
    json_option,
    seed_option,
    workspace_option,
    yes_option,
)
from .output import confirmed, emit, facts, say


@click.group()
def command() -> None:
    """Make a challenger, and promote it only if it wins."""


@command.command(cls=Command, example="mlwright retrain run --reason drift --since 7d")
@click.option("--environment", default="production", show_default=True, help="Whose champion.")
@click.option("--reason", default="asked for", show_default=True, help="Why; kept in the history.")
@click.option(
    "--since",
    "--training-data",
    help="Labelled rows from then on, as 7d or last_90_days.  [default: all]",
)
@click.option("--no-deploy", is_flag=True, help="Compare only; do not roll a winner out.")
@seed_option
@yes_option
@workspace_option
@json_option
def run(
    environment: str,
    reason: str,
    since: str | None,
    no_deploy: bool,
    seed: int,
    yes: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Train on recent labelled rows and history; challenge the champion; roll a winner out."""
    from mlwright.retrain.run import run as run_retraining
    from mlwright.track import mirror

    workspace = find_workspace(folder)
    confirmed(f"Retrain the champion of {environment}?", yes=yes)
    done = run_retraining(
        workspace,
        environment,
        reason=reason,
        since=moment(since) if since else None,
        deploy=not no_deploy,
        seed=seed,
        say=say,
    )
    mirror.flush(workspace, say=say)
    if as_json:
        emit(done.to_json())
        return
    facts(
        {
            "champion": f"{done.model}:{done.champion}",
            "challenger": f"{done.model}:{done.challenger}" if done.challenger else "none",
            "decision": done.decision,
            "outcome": done.outcome,
            "why": done.why,
        }
    )
