"""`mlwright monitor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.clock import moment, now
from mlwright.core.errors import ConfigError, GateFailed

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, facts, measured, say, table

if TYPE_CHECKING:
    from mlwright.monitor.check import Check


@click.group()
def command() -> None:
    """Check what production sees and answers; add true labels."""


@command.command(cls=Command, example="mlwright monitor check production --since 24h")
@click.argument("environment", default="production")
@click.option("--since", default="24h", show_default=True, help="Moment, or time before now.")
@click.option("--until", help="Moment, or time before now.  [default: now]")
@click.option("--fail-on-drift", is_flag=True, help="Exit 5 when something is found.")
@workspace_option
@json_option
def check(
    environment: str,
    since: str,
    until: str | None,
    fail_on_drift: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Compare a window of production with the data the model was trained on."""
    from mlwright.alerts import resolve, send
    from mlwright.monitor.check import alert_key, alert_of
    from mlwright.monitor.check import check as run_check

    workspace = find_workspace(folder)
    begin, end = _window(since, until)
    found = run_check(workspace, environment, since=begin, until=end, say=say)
    alert = alert_of(found)
    if alert:
        send(workspace, alert, say=say)
    elif found.verdict == "ok":
        resolve(workspace, alert_key(found))
    emit(found.to_json()) if as_json else show(found)
    if fail_on_drift and found.verdict in ("drift", "degraded"):
        raise GateFailed(f"the check of {environment} found: {found.verdict}")


def _window(since: str, until: str | None) -> tuple[float, float | None]:
    """Read both ends of a window; None is now."""
    begin, end = moment(since), moment(until) if until else None
    if begin >= (now() if end is None else end):
        raise ConfigError(
            f"the window from {since} until {until or 'now'} ends before it begins",
            hint="write the earlier moment after --since, as --since 2h --until 1h",
        )
    return begin, end


@command.command(cls=Command, example="mlwright monitor label labels.csv --environment production")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--environment", default="production", show_default=True, help="Whose predictions.")
@workspace_option
@json_option
def label(file: Path, environment: str, folder: Path | None, as_json: bool) -> None:
    """Add true labels: a file with the columns request_id and label."""
    from mlwright.monitor.labels import add_file

    added = add_file(find_workspace(folder), environment, file)
    if as_json:
        emit({"added": added.added, "unknown": added.unknown})
    else:
        unknown = (
            f", {added.unknown:,} for requests that are not in the log" if added.unknown else ""
        )
        click.echo(f"{added.added:,} labels added{unknown}")


def show(found: Check) -> None:
    """Print a check for a person."""
    value = found.to_json()
    facts(
        {
            "verdict": found.verdict,
            "model": f"{found.model}:{found.version}",
            "rows": f"{found.rows:,} ({found.skipped_rows:,} skipped, {found.labelled:,} labelled)",
            "sure of": found.sensitivity,
        }
    )
    if value["drifted"]:
        rows = [
            [
                f["feature"],
                f["method"],
                f"{f['effect']:.3f}",
                f"{f['p_value']:.1e}",
                f"{f['importance']:.0%}",
            ]
            for f in value["findings"]
            if f["drifted"]
        ]
        table(["drifted", "test", "effect", "p", "importance"], rows)
    performance = value["performance"].get("metrics", {})
    if performance:
        rows = [
            [name, measured(m["current"]), measured(m["baseline"])]
            for name, m in performance.items()
        ]
        table(["metric", "now", "when trained"], rows)
