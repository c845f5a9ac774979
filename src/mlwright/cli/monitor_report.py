"""`mlwright monitor report`."""

from __future__ import annotations

from pathlib import Path

import click

from mlwright.core.clock import moment, now
from mlwright.core.errors import ConfigError

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, facts, say


@click.command(cls=Command, example="mlwright monitor report production --period last_7_days")
@click.argument("environment", default="production")
@click.option(
    "--period",
    default="last_7_days",
    show_default=True,
    help="Moment, or time before now, from which on.",
)
@click.option("--until", help="Moment, or time before now.  [default: now]")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page; its JSON goes beside it.  [default: .mlwright/reports/…]",
)
@workspace_option
@json_option
def report(
    environment: str,
    period: str,
    until: str | None,
    output: Path | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Write a page on a period: what drifted, since when, what it costs, how it was answered."""
    from mlwright.monitor.report import path_of, write
    from mlwright.monitor.report import report as make

    workspace = find_workspace(folder)
    since, end = moment(period), moment(until) if until else now()
    if since >= end:
        raise ConfigError(
            f"the period from {period} until {until or 'now'} ends before it begins",
            hint="write the earlier moment after --period, as --period 7d --until 1d",
        )
    made = make(workspace, environment, since=since, until=end, say=say)
    page, beside = write(made, output or path_of(workspace, environment, since, end))
    if as_json:
        emit({**made.to_json(), "page": str(page), "json": str(beside)})
        return
    facts({"verdict": made.check.verdict, "page": page, "json": beside})
