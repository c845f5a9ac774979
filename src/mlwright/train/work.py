"""What one training is about, settled before anything is fitted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Required, TypedDict

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from mlwright.core.errors import ConfigError
from mlwright.core.signature import Signature
from mlwright.core.workspace import Workspace, checked_name
from mlwright.data.fingerprint import fingerprint
from mlwright.data.schema import Schema
from mlwright.data.target import Asked
from mlwright.train.calibrate import check_choices
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.frameworks import FRAMEWORKS, Params, Problem
from mlwright.train.limits import check_limits
from mlwright.train.prepare import Prepared, prepare, trainable
from mlwright.train.pretrained import pretrained
from mlwright.train.provenance import environment_tags, git_tags
from mlwright.train.spaces import limit_of
from mlwright.train.texts import only_texts

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """The rows, the parameters, and all that a run is tagged with."""

    workspace: Workspace
    name: str
    algorithm: str
    params: Params
    problem: Problem
    schema: Schema
    data: Prepared
    choices: Choices
    tags: Mapping[str, str]
    say: Say


class Asking(TypedDict, total=False):
    """What is to be learned, and how; all but the target and the name can be left out.

    `target` is the column to predict, and `name` what the model is called: training again makes
    its next version. `algorithm` is one of `FRAMEWORKS`, and `params` go over its defaults.
    `seed` decides the split, the folds and the model: equal tables and seeds make equal bundles.
    `holdout` holds rows to judge by; without them `share` of the table is kept apart. `weights`
    is one non-negative number a row of the table (n,), and `reference` marks the rows that later
    checks compare production with (n,), by default all. `task` and `signature` are given where
    they should not be found out from the table, the latter in a retraining. `choices` says how
    the model is to be made, beyond these. `source` is the file, folder or address that the table
    was read from. `say` takes a line a step.
    """

    target: Required[str]
    name: Required[str]
    algorithm: str
    params: Mapping[str, Any]
    seed: int
    holdout: pl.DataFrame | None
    share: float
    weights: ArrayLike | None
    reference: NDArray[np.bool_] | None
    task: Asked
    signature: Signature | None
    choices: Choices
    source: Path | str | None
    say: Say


def settle(
    workspace: Workspace,
    table: pl.DataFrame,
    *,
    target: str,
    name: str,
    algorithm: str = "lightgbm",
    params: Mapping[str, Any] = MappingProxyType({}),
    seed: int = 0,
    holdout: pl.DataFrame | None = None,
    share: float = 0.2,
    weights: ArrayLike | None = None,
    reference: NDArray[np.bool_] | None = None,
    task: Asked = None,
    signature: Signature | None = None,
    choices: Choices = PLAIN,
    source: Path | str | None = None,
    say: Say = lambda _: None,
) -> Work:
    """Check names and parameters, infer the schema and divide the rows; see `Asking`."""
    checked_name(name, "model")
    framework = FRAMEWORKS.load(algorithm)
    schema = (
        Schema(signature, None, ())
        if signature
        else trainable(table, target, task=task, choices=choices)
    )
    check_choices(choices, schema.signature.task)
    check_limits(algorithm, framework, schema.signature, choices)
    base = None
    if framework.style == "tokens":
        schema = only_texts(schema, choices)
        base = str(pretrained(str(choices.base), download=choices.download, say=say))
    for finding in schema.findings:
        say(finding.notice())
    data = prepare(
        table,
        schema,
        holdout=holdout,
        share=share,
        seed=seed,
        weights=weights,
        reference=reference,
        choices=choices,
    )
    budget = choices.time_budget
    problem = Problem(
        schema.signature.task,
        len(schema.signature.classes),
        seed,
        device=choices.device,
        deadline=None if budget is None else time.monotonic() + budget,
        base=base,
        say=say,
    )
    settings = framework.params(params, problem=problem, rows=data.rows["train"])
    _check_values(algorithm, settings)
    tags = {
        **({} if source is None else {"data_path": str(source)}),
        "data_fingerprint": fingerprint(table),
        "target": target,
        "task": schema.signature.task,
        "seed": str(seed),
        "share": str(share),
        "split": data.how,
        "choices": json.dumps(choices.to_json(), sort_keys=True),
        **git_tags(workspace.root),
        **environment_tags(),
    }
    return Work(workspace, name, algorithm, settings, problem, schema, data, choices, tags, say)


def _check_values(algorithm: str, settings: Params) -> None:
    """Refuse a number that one of our algorithms cannot take, before anything is fitted."""
    if "." in algorithm:  # an estimator by its import path: the names are its own
        return
    for name, value in settings.items():
        limit = limit_of(name, algorithm)
        if limit and isinstance(value, int | float) and not limit.holds(value):
            raise ConfigError(
                f"{algorithm}'s parameter {name!r} takes {limit.words()}, got {value}",
                hint="give a value inside of it",
            )
