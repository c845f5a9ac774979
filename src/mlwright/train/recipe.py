"""Train as the flags and `mlwright.yaml` say: flag before file before default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlwright.core.errors import ConfigError
from mlwright.core.settings import Model
from mlwright.core.signature import Task
from mlwright.core.workspace import Workspace, checked_name
from mlwright.data.read import read
from mlwright.data.remote import is_address
from mlwright.data.sources import located
from mlwright.data.target import Asked
from mlwright.train.choices import Choices
from mlwright.train.fit import Trained, baselines, train
from mlwright.train.result import Baselines
from mlwright.train.tune import tune
from mlwright.train.tuned import Tuned


def train_configured(
    workspace: Workspace,
    *,
    data: Path | str | None = None,
    target: str | None = None,
    name: str | None = None,
    algorithm: str | None = None,
    task: Task | None = None,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    wanted: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train on the table and target that were given, or that the configuration names.

    `wanted` holds fields of `Choices` that go before those of the configuration; `params` go
    before the configured ones, which are those of the configured algorithm alone.

    Raises:
        ConfigError: neither names the table, or the target.
    """
    settings = workspace.settings.model
    source, target = table_and_target(settings, workspace.root, data=data, target=target)
    return train(
        workspace,
        read(source, say=say),
        target=target,
        name=checked_name(name or settings.name or _name_of(target), "model"),
        algorithm=algorithm or settings.algorithm,
        params={**_configured_params(settings, algorithm), **(params or {})},
        seed=seed,
        share=settings.holdout,
        task=asked_task(settings, task),
        choices=replace(Choices.from_settings(settings), **(wanted or {})),
        source=located(source, Path.cwd()),
        say=say,
    )


def baselines_configured(
    workspace: Workspace,
    *,
    data: Path | str | None = None,
    target: str | None = None,
    name: str | None = None,
    task: Task | None = None,
    seed: int = 0,
    wanted: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Baselines:
    """Log a dummy and a linear model as runs, on the table and target given or configured.

    Raises:
        ConfigError: neither names the table, or the target.
    """
    settings = workspace.settings.model
    source, target = table_and_target(settings, workspace.root, data=data, target=target)
    return baselines(
        workspace,
        read(source, say=say),
        target=target,
        name=checked_name(name or settings.name or _name_of(target), "model"),
        seed=seed,
        share=settings.holdout,
        task=asked_task(settings, task),
        choices=replace(Choices.from_settings(settings), **(wanted or {})),
        source=located(source, Path.cwd()),
        say=say,
    )


def tune_configured(
    workspace: Workspace,
    *,
    data: Path | str | None = None,
    target: str | None = None,
    name: str | None = None,
    algorithm: str | None = None,
    task: Task | None = None,
    seed: int = 0,
    wanted: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Search for parameters on the table and target that were given, or are configured.

    `search` holds fields of the configuration's `tune` section that go before it; all else is as
    for `train_configured`.

    Raises:
        ConfigError: neither names the table, or the target.
    """
    settings = workspace.settings.model
    source, target = table_and_target(settings, workspace.root, data=data, target=target)
    return tune(
        workspace,
        read(source, say=say),
        target=target,
        name=checked_name(name or settings.name or _name_of(target), "model"),
        algorithm=algorithm or settings.algorithm,
        params=dict(settings.params),
        seed=seed,
        share=settings.holdout,
        task=asked_task(settings, task),
        choices=replace(Choices.from_settings(settings), **(wanted or {})),
        source=located(source, Path.cwd()),
        how=workspace.settings.tune.model_copy(update=dict(search or {})),
        say=say,
    )


def table_and_target(
    settings: Model, root: Path, *, data: Path | str | None, target: str | None
) -> tuple[Path | str, str]:
    """Return where the table lies and what is predicted: as given, else as configured.

    What was given is found from the current folder, what is configured from `root`.

    Raises:
        ConfigError: neither names the table, or the target.
    """
    target = target or settings.target
    if data is None and settings.dataset is None:
        raise ConfigError(
            "no table is given", hint="--data FILE, or model.dataset in mlwright.yaml"
        )
    if target is None:
        raise ConfigError(
            "no target is given", hint="--target COLUMN, or model.target in mlwright.yaml"
        )
    if data is not None:
        return data, target
    dataset = str(settings.dataset)
    return dataset if is_address(dataset) else root / dataset, target


def asked_task(settings: Model, task: Task | None) -> Asked:
    """Return the task that was asked for: as given, else as configured, else None."""
    if task is not None or settings.type is None:
        return task
    return "regression" if settings.type == "regression" else "classification"


def _name_of(target: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", target.lower()).strip("-._") or "model"


def _configured_params(settings: Model, algorithm: str | None) -> dict[str, Any]:
    return dict(settings.params) if algorithm in (None, settings.algorithm) else {}
