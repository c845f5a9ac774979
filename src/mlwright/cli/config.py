"""`mlwright config`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit


@click.group()
def command() -> None:
    """Show the configuration as it is understood."""


@command.command(cls=Command, example="mlwright config show")
@workspace_option
@json_option
def show(folder: Path | None, as_json: bool) -> None:
    """Print every setting with its value; secrets stay references."""
    import yaml

    settings = find_workspace(folder).settings.model_dump(mode="json")
    if as_json:
        emit(settings)
    else:
        click.echo(yaml.safe_dump(settings, sort_keys=False), nl=False)
