"""`mlwright init`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, json_option
from .output import emit


@click.command(cls=Command, example="mlwright init --data customers.csv --target churned")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--data", type=click.Path(path_type=Path), help="The table to train on.")
@click.option("--target", help="The column to predict.")
@click.option("--name", help="What to call the model.")
@json_option
def command(
    folder: Path, data: Path | None, target: str | None, name: str | None, as_json: bool
) -> None:
    """Make a workspace in this folder."""
    from mlwright.core.starter import start

    workspace = start(folder, data=data, target=target, name=name)
    if as_json:
        emit({"workspace": str(workspace.root)})
    else:
        click.echo(f"The workspace is {workspace.root}; mlwright.yaml says what can be set.")
