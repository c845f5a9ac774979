"""Verify a run: train it again, and compare metrics and predictions bit for bit."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import DataError
from mlwright.core.workspace import Workspace
from mlwright.stats.arrays import FloatArray
from mlwright.track.records import Record, find_run, version_of
from mlwright.train.again import Origin, origin
from mlwright.train.fit import Trained, train
from mlwright.train.provenance import environment_tags, git_tags
from mlwright.train.scored import score

_SINGLE = {
    "git_commit": "code",
    "git_dirty": "uncommitted changes",
    "python": "python",
    "os": "operating system",
    "cpu": "processor",
    "cpus": "number of processors",
}


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of a run's repetition.

    `metrics` holds those that changed: then and now. `rows` of the holdout were predicted by both
    models, `different` of them not bit for bit the same, at most `largest` apart; without a
    registered model there are none. `surroundings` says what is not as it was, then and now.
    """

    run: Record
    data_changed: bool
    metrics: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    rows: int = 0
    different: int = 0
    largest: float = 0.0
    surroundings: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def time_budget(self) -> float | None:
        """Return the seconds that the run was given, where they were limited."""
        found: float | None = json.loads(self.run.tags.get("choices", "{}")).get("time_budget")
        return found

    @property
    def reproduced(self) -> bool:
        """Return whether data, metrics and predictions are the same to the bit."""
        return not (self.data_changed or self.metrics or self.different)

    def sentence(self) -> str:
        """Say what came of it, and what may be the cause where it differs."""
        name = f"the run {self.run.id[:12]}"
        if self.data_changed:
            return f"{name} cannot be repeated: its table has changed since"
        known = f"{len(_holdout(self.run)):,} metrics"
        if self.reproduced:
            rows = f" and {self.rows:,} predictions" if self.rows else ""
            return f"{name} is reproduced: {known}{rows} are the same to the bit"
        parts = []
        if self.metrics:
            parts.append(f"{len(self.metrics)} of {known} differ")
        if self.different:
            parts.append(
                f"{self.different:,} of {self.rows:,} predictions differ, by up to "
                f"{self.largest:.3g}"
            )
        changed = ", ".join(self.surroundings) or "nothing that is recorded"
        found = f"{name} is not reproduced: {'; '.join(parts)}; changed since: {changed}"
        if self.time_budget is None:
            return found
        return (
            f"{found}. It had a time budget of {self.time_budget:g} seconds: how far a fit comes "
            "in it depends on the machine and on what else runs there, so no repetition is exact"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the verification as a JSON object."""
        return {
            "run_id": self.run.id,
            "reproduced": self.reproduced,
            "sentence": self.sentence(),
            "data_changed": self.data_changed,
            "time_budget": self.time_budget,
            "metrics": {
                name: {"then": then, "now": now} for name, (then, now) in self.metrics.items()
            },
            "predictions": {
                "rows": self.rows,
                "different": self.different,
                "largest": self.largest,
            },
            "surroundings": {
                name: {"then": then, "now": now} for name, (then, now) in self.surroundings.items()
            },
        }


def verify(
    workspace: Workspace, run: str, *, say: Callable[[str], None] = lambda _: None
) -> Verification:
    """Train a finished run again, in a workspace that is thrown away, and compare.

    Args:
        workspace: which holds the run, and is not changed.
        run: the first characters of its id.
        say: takes a line a step.

    Raises:
        NotFound: there is no such run, or its table is gone.
        DataError: it did not finish, or was not trained from a file alone.
    """
    record = find_run(workspace, run)
    if record.status != "finished":
        why = f": {record.reason}" if record.reason else ""
        raise DataError(
            f"the run {record.id[:12]} did not finish, it is {record.status}{why}",
            hint="only a run that finished can be verified",
        )
    source = origin(record)
    around = _surroundings(workspace, record)
    if not source.unchanged:
        return Verification(record, True, surroundings=around)
    with tempfile.TemporaryDirectory(prefix="mlwright-verify-") as folder:
        again = _train(Workspace.create(Path(folder)), record, source, say)
        metrics = _changed(_holdout(record), _measured(again))
        version = version_of(workspace, record)
        if version is None:
            return Verification(record, False, metrics, surroundings=around)
        held = source.holdout()
        old, new = (
            score(bundle, held).scores for bundle in (Bundle.open(version.bundle), again.bundle)
        )
    different, largest = _compared(old, new)
    return Verification(record, False, metrics, len(old), different, largest, around)


def _train(
    workspace: Workspace, record: Record, source: Origin, say: Callable[[str], None]
) -> Trained:
    params = dict(record.params)
    return train(
        workspace,
        source.table,
        target=source.target,
        name=record.experiment,
        algorithm=params.pop("algorithm"),
        params=params,
        seed=source.seed,
        share=source.share,
        task=source.task,
        choices=source.choices,
        baselines=False,
        say=say,
    )


def _measured(again: Trained) -> dict[str, float]:
    found = {}
    for name, interval in again.metrics["holdout"].items():
        found[f"holdout_{name}"] = interval.value
    return found


def _holdout(record: Record) -> dict[str, float]:
    ends = ("_low", "_high")
    return {
        name: value
        for name, value in record.metrics.items()
        if name.startswith("holdout_") and not name.endswith(ends)
    }


def _changed(
    then: Mapping[str, float], now: Mapping[str, float]
) -> dict[str, tuple[float | None, float | None]]:
    names = [*then, *(name for name in now if name not in then)]
    return {
        name: (then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)
    }


def _compared(old: FloatArray, new: FloatArray) -> tuple[int, float]:
    """Return how many rows are not the same to the bit, and the largest gap."""
    if old.shape != new.shape:
        return len(old), float("inf")
    same = (old == new).reshape(len(old), -1).all(axis=1)
    return int((~same).sum()), float(np.abs(old - new).max())


def _surroundings(workspace: Workspace, record: Record) -> dict[str, tuple[str, str]]:
    then, now = record.tags, {**git_tags(workspace.root), **environment_tags()}
    found = {
        word: (then[tag], now.get(tag, "none"))
        for tag, word in _SINGLE.items()
        if tag in then and then[tag] != now.get(tag)
    }
    if then.get("git_dirty") == "true":
        found["uncommitted changes"] = ("there were some, which are not kept", "unknown")
    before, after = (json.loads(tags.get("packages", "{}")) for tags in (then, now))
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            found[name] = (before.get(name, "none"), after.get(name, "none"))
    return found
