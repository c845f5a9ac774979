"""`mlwright demo`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, json_option
from .output import emit, say


@click.command(cls=Command, example="mlwright demo --workspace churn-demo")
@click.option(
    "--workspace",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("mlwright-demo"),
    show_default=True,
    help="Folder to work in; made when it is not there.",
)
@json_option
def command(folder: Path, as_json: bool) -> None:
    """Run the whole loop once on real data, in under three minutes."""
    from mlwright.demo.story import run

    done = run(folder, say=say)
    if as_json:
        emit(done.to_json())
    else:
        click.echo(done.summary())
