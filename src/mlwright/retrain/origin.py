"""Where a champion's line began: its table, its choices, and what its rows weigh."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select

from mlwright.core import state
from mlwright.core.errors import DataError
from mlwright.core.signature import Signature
from mlwright.core.workspace import Workspace
from mlwright.data.fingerprint import fingerprint
from mlwright.data.read import read
from mlwright.data.remote import shown
from mlwright.data.split import split
from mlwright.stats.arrays import FloatArray
from mlwright.track import models
from mlwright.train.choices import Choices
from mlwright.train.prepare import column_weights, trainable


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that began a model's line: from which file it was trained, and how."""

    tags: dict[str, str]
    params: dict[str, Any]

    @property
    def choices(self) -> Choices:
        """Return how the model was made."""
        return Choices.from_json(json.loads(self.tags["choices"]))


def origin_of(workspace: Workspace, champion: models.ModelVersion) -> Origin:
    """Return the newest run from a file among those of this version and the ones before it.

    Raises:
        DataError: there is none.
    """
    runs, versions = state.runs.c, state.versions.c
    query = (
        select(runs.tags, runs.params)
        .join(state.versions, versions.run == runs.id)
        .where(versions.model == champion.model, versions.version <= champion.version)
        .order_by(versions.version.desc())
    )
    with workspace.state.read() as connection:
        found = connection.execute(query).all()
    for tags, params in found:
        if "data_path" in tags:
            return Origin(tags, {k: v for k, v in params.items() if k != "algorithm"})
    raise DataError(
        f"the table that {champion.model} was trained on is not known",
        hint="train it from a file, with mlwright train --data FILE",
    )


def history_of(origin: Origin, champion: models.ModelVersion, signature: Signature) -> pl.DataFrame:
    """Return the rows that the champion's line was first trained on, without their holdout.

    Raises:
        DataError: the table has changed since.
    """
    path = origin.tags["data_path"]
    table = read(path)
    if fingerprint(table) != origin.tags["data_fingerprint"]:
        raise DataError(
            f"{shown(path)} has changed since {champion.model} was trained on it",
            hint="bring the old file back, or train anew with mlwright train",
        )
    schema = trainable(table, signature.target, task=signature.task, choices=origin.choices)
    share, seed = float(origin.tags["share"]), int(origin.tags["seed"])
    return split(table, schema, share=share, seed=seed, group=origin.choices.group).train


def shares(history: pl.DataFrame, choices: Choices) -> FloatArray:
    """Return what each row of history counts beside the others, 1 on average.

    It is what the champion's column of weights says, which rows of the log do not have.
    """
    found = column_weights(history, choices)
    return np.ones(history.height) if found is None else found / found.mean()
