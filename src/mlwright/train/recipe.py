"""Train as the flags and `mlwright.yaml` say: flag before file before default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlwright.core.errors import ConfigError
from mlwright.core.signature import Task
from mlwright.core.workspace import Workspace, checked_name
from mlwright.data.read import read
from mlwright.train.choices import Choices
from mlwright.train.fit import Trained, train


def train_configured(
    workspace: Workspace,
    *,
    data: Path | None = None,
    target: str | None = None,
    name: str | None = None,
    algorithm: str | None = None,
    task: Task | None = None,
    seed: int = 0,
    wanted: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train on the table and target that were given, or that the configuration names.

    `wanted` holds fields of `Choices` that go before those of the configuration.

    Raises:
        ConfigError: neither names the table, or the target.
    """
    settings = workspace.settings.model
    if data is None and settings.dataset is not None:
        data = workspace.root / settings.dataset
    target = target or settings.target
    if data is None:
        raise ConfigError(
            "no table is given", hint="--data FILE, or model.dataset in mlwright.yaml"
        )
    if target is None:
        raise ConfigError(
            "no target is given", hint="--target COLUMN, or model.target in mlwright.yaml"
        )
    if task is None and settings.type == "regression":
        task = "regression"
    return train(
        workspace,
        read(data),
        target=target,
        name=checked_name(name or settings.name or _name_of(target), "model"),
        algorithm=algorithm or settings.algorithm,
        params=dict(settings.params),
        seed=seed,
        share=settings.holdout,
        task=task,
        choices=replace(Choices.from_settings(settings), **(wanted or {})),
        source=data.resolve(),
        say=say,
    )


def _name_of(target: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", target.lower()).strip("-._") or "model"
