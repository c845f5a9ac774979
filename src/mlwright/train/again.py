"""What a run was trained on, read again by what its record says."""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl

from mlwright.core.errors import DataError
from mlwright.core.signature import Task
from mlwright.data.fingerprint import fingerprint
from mlwright.data.read import read
from mlwright.data.remote import shown
from mlwright.data.split import split
from mlwright.track.records import Record
from mlwright.train.choices import Choices
from mlwright.train.prepare import trainable

_NEEDED = ("data_path", "data_fingerprint", "target", "task", "seed", "share", "choices")
_GIVEN = "given with the table"


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The table as it is now, and how the run used it."""

    path: str
    table: pl.DataFrame
    unchanged: bool
    target: str
    task: Task
    seed: int
    share: float
    choices: Choices

    def holdout(self) -> pl.DataFrame:
        """Return the rows that the run kept apart."""
        schema = trainable(self.table, self.target, task=self.task, choices=self.choices)
        group = self.choices.group
        return split(self.table, schema, share=self.share, seed=self.seed, group=group).holdout


def origin(run: Record) -> Origin:
    """Read the run's table and choices again.

    Raises:
        DataError: the run is not one training from a file.
        NotFound: the file is gone.
    """
    tags = run.tags
    absent = [name for name in _NEEDED if name not in tags]
    if absent or tags.get("split") == _GIVEN:
        raise DataError(
            f"the run {run.id[:12]} cannot be made again: it was not trained from a file alone",
            hint="runs of mlwright train --data FILE can",
        )
    task: Task = tags["task"]  # type: ignore[assignment]
    table = read(tags["data_path"])
    return Origin(
        shown(tags["data_path"]),
        table,
        fingerprint(table) == tags["data_fingerprint"],
        tags["target"],
        task,
        int(tags["seed"]),
        float(tags["share"]),
        Choices.from_json(json.loads(tags["choices"])),
    )
