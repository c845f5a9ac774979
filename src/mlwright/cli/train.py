"""`mlwright train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import Command, json_option, seed_option, workspace_option
from .output import emit, measured, say, table

if TYPE_CHECKING:
    from mlwright.core.signature import Task
    from mlwright.core.workspace import Workspace
    from mlwright.train.fit import Trained


@click.command(cls=Command, example="mlwright train --data customers.csv --target churned")
@click.option("--data", type=click.Path(path_type=Path), help="CSV, Parquet or JSON lines.")
@click.option("--target", help="The column to predict.")
@click.option("--name", help="What to call the model.  [default: the target]")
@click.option("--algorithm", help="How to fit it; see `mlwright backends`.  [default: lightgbm]")
@click.option(
    "--task",
    type=click.Choice(["binary", "multiclass", "regression"]),
    help="What kind of target it is.  [default: found out]",
)
@seed_option
@workspace_option
@json_option
def command(
    data: Path | None,
    target: str | None,
    name: str | None,
    algorithm: str | None,
    task: Task | None,
    seed: int,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Train a model from a table, and register it."""
    from mlwright.train.recipe import train_configured

    workspace = _workspace(folder)
    trained = train_configured(
        workspace,
        data=data,
        target=target,
        name=name,
        algorithm=algorithm,
        task=task,
        seed=seed,
        say=say,
    )
    from mlwright.track import mirror

    flushed = mirror.flush(workspace, say=say)
    if as_json:
        emit(trained.to_json())
        return
    _show(trained)
    if flushed.error:
        say(f"notice: {flushed.pending} records wait for the tracker: {flushed.error}")
    click.echo(f"\nRuns:  {mirror.ui_command(workspace)}")
    click.echo(f"Next:  mlwright deploy {trained.model} production")


def _workspace(folder: Path | None) -> Workspace:
    """Return the workspace; the first command in an empty folder makes it there."""
    from mlwright.core.errors import NotFound
    from mlwright.core.workspace import Workspace

    start = folder or Path.cwd()
    try:
        return Workspace.find(start)
    except NotFound:
        return Workspace.create(start)


_SHOWN = {
    "binary": ("auc", "f1", "accuracy", "log_loss"),
    "multiclass": ("accuracy", "f1", "auc", "log_loss"),
    "regression": ("r2", "rmse", "mae"),
}


def _show(trained: Trained) -> None:
    models = {trained.algorithm: trained.metrics["holdout"], **trained.baselines}
    names = [name for name in _SHOWN[trained.task] if name in trained.metrics["holdout"]]
    rows = [
        [model, *(measured(found[m].to_json()) if m in found else "" for m in names)]
        for model, found in models.items()
    ]
    title = f"{trained.model}:{trained.version}, measured once on rows kept from training"
    table(["", *names], rows, title=title)
    if trained.gain is not None:
        verdict = "better" if trained.gain.low > 0 else "within noise"
        interval = f"{trained.gain.value:.4f} [{trained.gain.low:.4f}, {trained.gain.high:.4f}]"
        click.echo(f"Loss below the linear baseline's by {interval}: {verdict}.")
    if trained.threshold is not None:
        click.echo(f"Threshold, chosen out of fold: {trained.threshold:.3f}")
