"""`mlwright monitor report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.clock import moment, now
from mlwright.core.errors import ConfigError

from .options import Command, environment_meant, find_workspace, json_option, workspace_option
from .output import emit, facts, say

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace
    from mlwright.monitor.queries.report import QueryReport
    from mlwright.monitor.report import Report


@click.command(cls=Command, example="mlwright monitor report production --period last_7_days")
@click.argument("environment", required=False)
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
    environment: str | None,
    period: str,
    until: str | None,
    output: Path | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Write a page on a period: what drifted, since when, what it costs, how it was answered."""
    workspace = find_workspace(folder)
    since, end = moment(period), moment(until) if until else now()
    if since >= end:
        raise ConfigError(
            f"the period from {period} until {until or 'now'} ends before it begins",
            hint="write the earlier moment after --period, as --period 7d --until 1d",
        )
    meant = environment_meant(workspace, environment)
    made, page, beside = written(workspace, meant, since, end, output)
    if as_json:
        emit({**made.to_json(), "page": str(page), "json": str(beside)})
        return
    facts({"verdict": made.check.verdict, "page": page, "json": beside})


def written(
    workspace: Workspace, environment: str, since: float, until: float, output: Path | None = None
) -> tuple[Report | QueryReport, Path, Path]:
    """Make and write the report that fits what answers there; return it, its page and its JSON."""
    from mlwright.monitor import report as of_rows
    from mlwright.monitor.live import serves_index
    from mlwright.monitor.queries import report as of_queries

    path = output or of_rows.path_of(workspace, environment, since, until)
    if serves_index(workspace, environment):
        asked = of_queries.report_queries(workspace, environment, since=since, until=until, say=say)
        return asked, *of_queries.write(asked, path)
    made = of_rows.report(workspace, environment, since=since, until=until, say=say)
    return made, *of_rows.write(made, path)
