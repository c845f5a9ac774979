"""`mlwright monitor check`."""

from __future__ import annotations

from pathlib import Path

import click

from mlwright.core.clock import duration, moment, now
from mlwright.core.errors import ConfigError, GateFailed

from .monitor_comparison import Comparison, checked, is_files, watch_environment, watch_files
from .monitor_watch import until_stopped
from .options import (
    Command,
    environment_meant,
    find_workspace,
    json_option,
    workspace_option,
)
from .output import emit


@click.command(
    cls=Command,
    example="mlwright monitor check production --since 24h\n"
    "mlwright monitor check logs/ --reference-data train.csv",
)
@click.argument("environment", metavar="[ENVIRONMENT|FILES]", required=False)
@click.option("--since", help="Moment, or time before now.  [default: 24h; of files: all]")
@click.option("--until", help="Moment, or time before now.  [default: now]")
@click.option(
    "--reference-data",
    type=click.Path(path_type=Path),
    help="Rows to compare with.  [default: the bundle's profile]",
)
@click.option(
    "--columns",
    "column_map",
    type=click.Path(path_type=Path),
    help="YAML that says which column of FILES is what.",
)
@click.option("--segment", metavar="COLUMN", help="Compare each of its values by itself.")
@click.option(
    "--joint", is_flag=True, help="Compare columns together too, with rows of the reference."
)
@click.option(
    "--drift-threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="False-discovery rate; the effect floor stays.  [default: the configuration's]",
)
@click.option(
    "--performance-threshold",
    type=click.FloatRange(0, 1),
    help="Least accuracy; surely below it is degraded.",
)
@click.option(
    "--alert-on-drift", is_flag=True, help="Tell the channels; an environment's always are told."
)
@click.option("--check-interval", help="Check again after each interval: seconds, or 1h.")
@click.option("--fail-on-drift", is_flag=True, help="Exit 5 when something is found.")
@workspace_option
@json_option
def check(
    environment: str | None,
    since: str | None,
    until: str | None,
    reference_data: Path | None,
    column_map: Path | None,
    segment: str | None,
    joint: bool,
    drift_threshold: float | None,
    performance_threshold: float | None,
    alert_on_drift: bool,
    check_interval: str | None,
    fail_on_drift: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Compare a window of production, or rows in files, with the data the model was trained on."""
    what = environment or environment_meant(find_workspace(folder), None)
    begin, end = _window(since, until)
    asked = Comparison(
        folder,
        reference_data,
        column_map,
        segment,
        joint,
        drift_threshold,
        performance_threshold,
        begin,
        end,
        alert_on_drift,
    )
    if check_interval is not None:
        if fail_on_drift or until:
            raise click.UsageError("--until and --fail-on-drift are for one check: no interval")
        watching = watch_files if is_files(what) else watch_environment
        until_stopped(watching(what, asked, duration(check_interval)), as_json=as_json)
        return
    found, shown = checked(what, asked)
    emit(found.to_json()) if as_json else shown()
    if fail_on_drift and found.verdict in ("drift", "degraded"):
        raise GateFailed(f"the check of {what} found: {found.verdict}")


def _window(since: str | None, until: str | None) -> tuple[float | None, float | None]:
    """Read both ends of a window; None is as far as there are rows."""
    begin, end = moment(since) if since else None, moment(until) if until else None
    if begin is not None and begin >= (now() if end is None else end):
        raise ConfigError(
            f"the window from {since} until {until or 'now'} ends before it begins",
            hint="write the earlier moment after --since, as --since 2h --until 1h",
        )
    return begin, end
