"""`mlwright runs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import Command, find_workspace, json_option, seed_option, workspace_option
from .output import emit, say, table

if TYPE_CHECKING:
    from mlwright.train.compare_runs import RunComparison

_SHOWN = ("auc", "accuracy", "f1", "log_loss", "r2", "rmse")


@click.group()
def command() -> None:
    """List, compare and verify runs."""


@command.command("list", cls=Command, example="mlwright runs list")
@workspace_option
@json_option
def list_(folder: Path | None, as_json: bool) -> None:
    """List every run, the newest first; also failed and killed ones, with the reason."""
    from mlwright.core.clock import iso
    from mlwright.track.records import list_runs

    found = list_runs(find_workspace(folder))
    if as_json:
        emit({"runs": [run.to_json() for run in found]})
        return
    rows = []
    for run in found:
        known = {name: run.metrics.get(f"holdout_{name}") for name in _SHOWN}
        measured = " ".join(f"{n} {v:.4g}" for n, v in known.items() if v is not None)
        below = "  " if run.parent else ""
        name = f"{below}{run.experiment}/{run.name}"
        rows.append([run.id[:12], name, run.status, iso(run.started), run.reason or measured])
    table(["run", "what", "status", "started", "on the holdout, or why not"], rows)


@command.command(cls=Command, example="mlwright runs compare churn:1 churn:2")
@click.argument("first")
@click.argument("second")
@seed_option
@workspace_option
@json_option
def compare(first: str, second: str, seed: int, folder: Path | None, as_json: bool) -> None:
    """Show two runs side by side, metrics with paired intervals where they judged the same rows."""
    from mlwright.train.compare_runs import compare_runs

    found = compare_runs(find_workspace(folder), first, second, seed=seed)
    emit(found.to_json()) if as_json else _show(found)


def _show(found: RunComparison) -> None:
    names = [f"{run.name} {run.id[:12]}" for run in (found.first, found.second)]
    differing = {n: pair for n, pair in found.params.items() if pair[0] != pair[1]}
    same = len(found.params) - len(differing)
    table(["parameter", *names], [[n, *pair] for n, pair in differing.items()])
    click.echo(f"{same} further parameters are the same.")
    rows = []
    for row in found.metrics:
        gap = row.difference
        shown = "" if gap is None else f"{gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
        values = ["" if v is None else f"{v:.4f}" for v in (row.first, row.second)]
        rows.append([row.metric, *values, shown, row.verdict])
    table(["metric", *names, "second - first", ""], rows)
    if found.why:
        click.echo(f"Not paired: {found.why}.")
    else:
        click.echo(f"Both scored the same {found.rows:,} rows kept from training.")


@command.command(cls=Command, example="mlwright runs verify 1f3a")
@click.argument("run")
@workspace_option
@json_option
def verify(run: str, folder: Path | None, as_json: bool) -> None:
    """Train a run again and compare metrics and predictions bit for bit; exit 5 on a difference."""
    from mlwright.core.errors import GateFailed
    from mlwright.train.verify import verify as run_again

    found = run_again(find_workspace(folder), run, say=say)
    if as_json:
        emit(found.to_json())
    else:
        changes = [[name, *pair] for name, pair in found.surroundings.items()]
        if changes:
            table(["changed since", "then", "now"], changes)
        values = [[name, *pair] for name, pair in found.metrics.items()]
        if values:
            table(["metric", "then", "now"], values)
    if not found.reproduced:
        hint = "bring back what has changed, and verify again"
        if found.time_budget is not None and not found.data_changed:
            hint = "train it without --time-budget to have a run that can be repeated exactly"
        raise GateFailed(found.sentence(), hint=hint)
    if not as_json:
        click.echo(found.sentence())
