"""`mlwright monitor watch`."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from mlwright.core.clock import duration, iso

from .monitor_report import written
from .options import Command, environment_meant, find_workspace, json_option, workspace_option
from .output import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlwright.monitor.found import Found


@click.command(
    cls=Command, example="mlwright monitor watch production --check-interval 3600 --report daily"
)
@click.argument("environment", required=False)
@click.option(
    "--check-interval",
    default="3600",
    show_default=True,
    help="Seconds between checks, or a duration, as 1h.",
)
@click.option("--report", type=click.Choice(["daily"]), help="Also write a page for each day.")
@workspace_option
@json_option
def watch(
    environment: str | None,
    check_interval: str,
    report: str | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Check after each interval until stopped, and go on from there when started again.

    With --json, one object a line and check.
    """
    from mlwright.monitor.queries.watch import watch_of

    workspace = find_workspace(folder)
    meant, every = environment_meant(workspace, environment), duration(check_interval)

    def daily(since: float, until: float) -> None:
        _, page, _ = written(workspace, meant, since, until)
        say(f"report: {page}")

    made = watch_of(workspace, meant, every, report=daily if report else None, say=say)
    until_stopped(made, as_json=as_json)


class _Watch(Protocol):
    def run(self, stop: threading.Event, *, checked: Callable[[Found], None]) -> None: ...


def until_stopped(watching: _Watch, *, as_json: bool) -> None:
    """Watch until a signal comes; print a line a check."""

    def show(found: Found) -> None:
        if as_json:
            click.echo(json.dumps(found.to_json(), allow_nan=False))
        else:
            click.echo(f"{iso(found.until)}  {found.verdict}  {found.sentence}")

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watching.run(stop, checked=show)
