"""Train as the flags and `mlwright.yaml` say: flag before file before default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

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

if TYPE_CHECKING:
    from mlwright.train.tuned import Tuned


class Wishes(TypedDict, total=False):
    """What the user gave on the command line, all of it optional.

    `wanted` holds fields of `Choices`, which go before those of the configuration; `say` takes a
    line a step.
    """

    data: Path | str | None
    target: str | None
    name: str | None
    task: Task | None
    seed: int
    wanted: Mapping[str, Any] | None
    say: Callable[[str], None]


def train_configured(
    workspace: Workspace,
    *,
    algorithm: str | None = None,
    params: Mapping[str, Any] | None = None,
    **wishes: Unpack[Wishes],
) -> Trained:
    """Train on the table and target that were given, or that the configuration names.

    `params` go before the configured ones, which are those of the configured algorithm alone.

    Raises:
        ConfigError: neither names the table, or the target.
    """
    settings = workspace.settings.model
    return train(
        **_settled(workspace, algorithm, **wishes),
        algorithm=algorithm or configured_algorithm(settings),
        params={**_configured_params(settings, algorithm), **(params or {})},
    )


def baselines_configured(workspace: Workspace, **wishes: Unpack[Wishes]) -> Baselines:
    """Log a dummy and a linear model as runs, on the table and target given or configured.

    Raises:
        ConfigError: neither names the table, or the target.
    """
    return baselines(**_settled(workspace, "linear", **wishes))


def tune_configured(
    workspace: Workspace,
    *,
    algorithm: str | None = None,
    search: Mapping[str, Any] | None = None,
    start_from: str | None = None,
    **wishes: Unpack[Wishes],
) -> Tuned:
    """Search for parameters on the table and target that were given, or are configured.

    `search` holds fields of the configuration's `tune` section that go before it; `start_from` is
    a MODEL or a run, whose parameters are tried after the default.

    Raises:
        ConfigError: neither names the table, or the target; or the run fitted another algorithm.
        NotFound: there is no such run.
    """
    from mlwright.train.start import params_of_run
    from mlwright.train.tune import tune

    settings = workspace.settings.model
    fitted = algorithm or configured_algorithm(settings)
    first = None if start_from is None else params_of_run(workspace, start_from, fitted)
    return tune(
        **_settled(workspace, algorithm, **wishes),
        algorithm=fitted,
        start_from=first,
        params=_configured_params(settings, algorithm),
        how=workspace.settings.tune.model_copy(update=dict(search or {})),
    )


def _settled(
    workspace: Workspace, algorithm: str | None, **wishes: Unpack[Wishes]
) -> dict[str, Any]:
    """Return the arguments that training, baselines and tuning share; the table is read."""
    settings = workspace.settings.model
    say = wishes.get("say", lambda _: None)
    source, target = table_and_target(
        settings, workspace.root, data=wishes.get("data"), target=wishes.get("target")
    )
    name = wishes.get("name") or settings.name or _name_of(target)
    return {
        "workspace": workspace,
        "table": read(source, say=say),
        "target": target,
        "name": checked_name(name, "model"),
        "seed": wishes.get("seed", 0),
        "share": settings.holdout,
        "task": asked_task(settings, wishes.get("task")),
        "choices": _choices(settings, workspace.root, algorithm, wishes.get("wanted") or {}),
        "source": located(source, Path.cwd()),
        "say": say,
    }


def _choices(
    settings: Model, root: Path, algorithm: str | None, wanted: Mapping[str, Any]
) -> Choices:
    """Return what is chosen; a base model's folder is found as a table is.

    The configured base is, as parameters are, the configured algorithm's alone.
    """
    found = Choices.from_settings(settings)
    if algorithm not in (None, configured_algorithm(settings)):
        found = replace(found, base=None)
    found = replace(found, **wanted)
    if found.base is None:
        return found
    folder = (Path.cwd() if "base" in wanted else root) / Path(found.base).expanduser()
    return replace(found, base=str(folder.resolve())) if folder.is_dir() else found


def configured_algorithm(settings: Model) -> str:
    """Return the algorithm that is configured; a model of the type transformer implies it.

    >>> configured_algorithm(Model(type="transformer"))
    'transformer'
    """
    implied = settings.type == "transformer" and "algorithm" not in settings.model_fields_set
    return "transformer" if implied else settings.algorithm


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
    if task is not None or settings.type in (None, "transformer"):
        return task
    return "regression" if settings.type == "regression" else "classification"


def _name_of(target: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", target.lower()).strip("-._") or "model"


def _configured_params(settings: Model, algorithm: str | None) -> dict[str, Any]:
    return dict(settings.params) if algorithm in (None, configured_algorithm(settings)) else {}
