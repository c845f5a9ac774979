"""What `mlwright train --baseline` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .next_steps import next_steps
from .options import open_workspace
from .output import emit, measured, say, table

if TYPE_CHECKING:
    from mlwright.core.signature import Task

SHOWN = {
    "binary": ("auc", "f1", "accuracy", "log_loss"),
    "multiclass": ("accuracy", "f1", "auc", "log_loss"),
    "regression": ("r2", "rmse", "mae"),
}


def log_baselines(
    folder: Path | None,
    *,
    data: str | None,
    target: str | None,
    name: str | None,
    task: Task | None,
    seed: int,
    wanted: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Log a dummy and a linear model as runs, and print what later models have to beat."""
    from mlwright.track.sending import sending

    workspace = open_workspace(folder)
    with sending(workspace, say=say):
        from mlwright.train.recipe import baselines_configured

        found = baselines_configured(
            workspace,
            data=data,
            target=target,
            name=name,
            task=task,
            seed=seed,
            wanted=wanted,
            say=say,
        )
    if as_json:
        emit(found.to_json())
        return
    names = [metric for metric in SHOWN[found.task] if metric in found.metrics["linear"]]
    rows = [
        [
            algorithm,
            run[:12],
            *(measured(found.metrics[algorithm][metric].to_json()) for metric in names),
        ]
        for algorithm, run in found.runs.items()
    ]
    title = f"{found.name}: what a model has to beat, on {found.rows['holdout']:,} rows kept apart"
    table(["", "run", *names], rows, title=title)
    next_steps(workspace)
