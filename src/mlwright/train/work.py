"""What one training is about, settled before anything is fitted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from mlwright.core.signature import Signature
from mlwright.core.workspace import Workspace, checked_name
from mlwright.data.fingerprint import fingerprint
from mlwright.data.schema import Schema
from mlwright.data.target import Asked
from mlwright.train.calibrate import check_choices
from mlwright.train.choices import Choices
from mlwright.train.frameworks import FRAMEWORKS, Params, Problem
from mlwright.train.limits import check_limits
from mlwright.train.prepare import Prepared, prepare, trainable
from mlwright.train.pretrained import pretrained
from mlwright.train.provenance import environment_tags, git_tags
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


def settle(
    workspace: Workspace,
    table: pl.DataFrame,
    *,
    target: str,
    name: str,
    algorithm: str,
    params: Mapping[str, Any],
    seed: int,
    holdout: pl.DataFrame | None = None,
    share: float,
    weights: ArrayLike | None = None,
    reference: NDArray[np.bool_] | None = None,
    task: Asked,
    signature: Signature | None = None,
    choices: Choices,
    source: Path | str | None,
    say: Say,
) -> Work:
    """Check names and parameters, infer the schema and divide the rows; see `fit.train`."""
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
