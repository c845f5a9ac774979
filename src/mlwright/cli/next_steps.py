"""What is printed after a training: where its runs are looked at, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace
    from mlwright.train.result import Trained


def next_steps(workspace: Workspace, trained: Trained | None = None) -> None:
    """Print the run and the next command, where a model was trained, and how runs are shown."""
    from mlwright.track.mirror import ui_command

    click.echo(f"\nRun:   {trained.run_id}" if trained else "")
    click.echo(f"Runs:  {ui_command(workspace)}")
    if trained:
        click.echo(f"Next:  mlwright deploy {trained.model} production")
