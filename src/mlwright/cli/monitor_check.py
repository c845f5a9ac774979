"""`mlwright monitor check`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.clock import duration, moment, now
from mlwright.core.errors import ConfigError, GateFailed

from .monitor_watch import until_stopped
from .options import (
    Command,
    find_workspace,
    json_option,
    known_workspace,
    open_workspace,
    workspace_option,
)
from .output import emit, facts, measured, say, table

if TYPE_CHECKING:
    from mlwright.core.settings import Monitor
    from mlwright.monitor.check import Check
    from mlwright.monitor.estimate import Estimate
    from mlwright.monitor.sources.files import Files
    from mlwright.monitor.watch import Watch
    from mlwright.monitor.watch_files import WatchFiles


@click.command(
    cls=Command,
    example="mlwright monitor check production --since 24h\n"
    "mlwright monitor check logs/ --reference-data train.csv",
)
@click.argument("environment", metavar="[ENVIRONMENT|FILES]", default="production")
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
    environment: str,
    since: str | None,
    until: str | None,
    reference_data: Path | None,
    column_map: Path | None,
    segment: str | None,
    drift_threshold: float | None,
    performance_threshold: float | None,
    alert_on_drift: bool,
    check_interval: str | None,
    fail_on_drift: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Compare a window of production, or rows in files, with the data the model was trained on."""
    begin, end = _window(since, until)
    asked = _Asked(
        folder,
        reference_data,
        column_map,
        segment,
        drift_threshold,
        performance_threshold,
        begin,
        end,
        alert_on_drift,
    )
    if check_interval is not None:
        if fail_on_drift or until:
            raise click.UsageError("--until and --fail-on-drift are for one check: no interval")
        watching = _watch_files if _is_files(environment) else _watch_environment
        until_stopped(watching(environment, asked, duration(check_interval)), as_json=as_json)
        return
    found = (_of_files if _is_files(environment) else _of_environment)(environment, asked)
    emit(found.to_json()) if as_json else show(found)
    if fail_on_drift and found.verdict in ("drift", "degraded"):
        raise GateFailed(f"the check of {environment} found: {found.verdict}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options that say what is compared with what, and who is told."""

    folder: Path | None
    reference: Path | None
    columns: Path | None
    segment: str | None
    q: float | None
    accuracy: float | None
    since: float | None
    until: float | None
    tell: bool


def _of_environment(what: str, asked: _Asked) -> Check:
    from mlwright.monitor.check import check as run_check
    from mlwright.monitor.hours import keep
    from mlwright.monitor.tell import tell

    workspace = find_workspace(asked.folder)
    found = run_check(
        workspace,
        what,
        since=asked.since,
        until=asked.until,
        policy=_policy(workspace.settings.monitor, asked.q),
        reference=_files(asked.reference, asked.columns) if asked.reference else None,
        segment=asked.segment,
        minimum_accuracy=asked.accuracy,
        say=say,
    )
    tell(workspace, found, say=say)
    keep(workspace, what, say=say)
    return found


def _watch_environment(what: str, asked: _Asked, interval: float) -> Watch:
    from mlwright.monitor.watch import Asked, Watch

    if asked.since is not None:
        raise click.UsageError("--since is for one check: a watch begins with the last interval")
    reference = _files(asked.reference, asked.columns) if asked.reference else None
    beyond = Asked(asked.q, reference, asked.segment, asked.accuracy)
    return Watch(find_workspace(asked.folder), what, interval, beyond, say=say)


def _of_files(path: str, asked: _Asked) -> Check:
    from mlwright.core.settings import Monitor
    from mlwright.monitor.of_files import check_files

    source, reference = _pair(path, asked)
    known = open_workspace(asked.folder) if asked.tell else known_workspace(asked.folder)
    found = check_files(
        source,
        reference,
        _policy(known.settings.monitor if known else Monitor(), asked.q),
        since=asked.since,
        until=asked.until,
        minimum_accuracy=asked.accuracy,
        segment=asked.segment,
        say=say,
    )
    if asked.tell and known:
        from mlwright.monitor.tell import tell

        tell(known, found, say=say)
    return found


def _watch_files(path: str, asked: _Asked, interval: float) -> WatchFiles:
    from mlwright.monitor.watch_files import WatchFiles

    source, reference = _pair(path, asked)
    workspace = open_workspace(asked.folder)  # it keeps how far the watch has come
    return WatchFiles(
        workspace,
        Path(path),
        source,
        reference,
        _policy(workspace.settings.monitor, asked.q),
        interval,
        since=asked.since,
        minimum_accuracy=asked.accuracy,
        segment=asked.segment,
        told=asked.tell,
        say=say,
    )


def _pair(path: str, asked: _Asked) -> tuple[Files, Files]:
    if asked.reference is None:
        raise ConfigError(
            f"what should {path} be compared with?",
            hint="add --reference-data FILE, such as the table that the model was trained on",
        )
    return (
        _files(Path(path), asked.columns),
        _files(asked.reference, asked.columns, lenient=True),
    )


def _policy(settings: Monitor, q: float | None) -> Monitor:
    return settings if q is None else settings.model_copy(update={"drift_threshold": q})


def _files(path: Path, column_map: Path | None, *, lenient: bool = False) -> Files:
    """Return files as a source; a reference need not have all that the map names."""
    from mlwright.monitor.sources.column_map import ColumnMap, read_map
    from mlwright.monitor.sources.files import Files

    columns = read_map(column_map) if column_map else ColumnMap()
    return Files(path, columns, lenient=lenient, say=say)


def _is_files(what: str) -> bool:
    """Say whether this is a path rather than an environment's name."""
    return Path(what).exists() or "/" in what or bool(Path(what).suffix)


def _window(since: str | None, until: str | None) -> tuple[float | None, float | None]:
    """Read both ends of a window; None is as far as there are rows."""
    begin, end = moment(since) if since else None, moment(until) if until else None
    if begin is not None and begin >= (now() if end is None else end):
        raise ConfigError(
            f"the window from {since} until {until or 'now'} ends before it begins",
            hint="write the earlier moment after --since, as --since 2h --until 1h",
        )
    return begin, end


def show(found: Check) -> None:
    """Print a check for a person."""
    value = found.to_json()
    facts(
        {
            "verdict": found.verdict,
            "model": f"{found.model}:{found.version}" if found.version else found.model,
            "compared with": found.compared_with
            + (", the same hours of the day" if found.same_hours else ""),
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
    for segment in found.segments:
        if segment.drifted:
            click.echo(
                f"  only in {segment.value} ({segment.rows:,} rows): {', '.join(segment.drifted)}"
            )
    for one in found.quality:
        click.echo(f"  {one.words}")
    if found.left_out:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in found.left_out.items())
        click.echo(f"  left out: {counts}")
    performance = value["performance"].get("metrics", {})
    if performance:
        rows = [
            [name, measured(m["current"]), measured(m["baseline"])]
            for name, m in performance.items()
        ]
        table(["metric", "now", "when trained"], rows)
    if found.estimate:
        _show_estimate(found.estimate)


def _show_estimate(estimate: Estimate) -> None:
    from mlwright.monitor.estimate import CONDITION

    values = estimate.to_json()["metrics"]
    word = "without labels" if estimate.reliable else "UNRELIABLE"
    table(["estimated", word], [[name, measured(value)] for name, value in values.items()])
    for doubt in estimate.doubts:
        click.echo(f"  unreliable: {doubt}")
    click.echo(f"  condition: {CONDITION}")
