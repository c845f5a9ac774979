"""Two runs side by side: parameters, and metrics paired by row where both judged the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import MlwrightError
from mlwright.core.workspace import Workspace
from mlwright.data.fingerprint import fingerprint
from mlwright.stats.bootstrap import paired_metric_difference
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import HIGHER_IS_BETTER
from mlwright.track.records import Record, find_run, version_of
from mlwright.train.again import origin
from mlwright.train.scored import Scored, score

_PREFIX = "holdout_"


@dataclass(frozen=True, slots=True)
class Row:
    """A metric of both runs, and the second's less the first's, where they can be paired."""

    metric: str
    first: float | None
    second: float | None
    difference: Interval | None

    @property
    def verdict(self) -> str:
        """Return which run is better beyond chance, or that it is within noise."""
        if self.difference is None:
            return "not paired"
        if self.difference.low <= 0 <= self.difference.high:
            return "within noise"
        rises = self.difference.low > 0
        return "second better" if rises == HIGHER_IS_BETTER[self.metric] else "first better"


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Two runs. `rows` were scored by both models again; 0, and `why`, where that cannot be."""

    first: Record
    second: Record
    params: Mapping[str, tuple[Any, Any]]
    metrics: tuple[Row, ...]
    rows: int
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a JSON object."""
        return {
            "runs": [self.first.id, self.second.id],
            "params": {
                name: {"first": one, "second": other, "same": one == other}
                for name, (one, other) in self.params.items()
            },
            "metrics": {
                row.metric: {
                    "first": row.first,
                    "second": row.second,
                    "difference": None if row.difference is None else row.difference.to_json(),
                    "verdict": row.verdict,
                }
                for row in self.metrics
            },
            "rows": self.rows,
            "not_paired_because": self.why,
        }


def compare_runs(workspace: Workspace, first: str, second: str, *, seed: int = 0) -> RunComparison:
    """Compare two runs, each named by the first characters of its id.

    Where both registered a model and kept the same rows apart, these are read from the table
    again, scored by both models, and the metrics' differences are bootstrapped in pairs.

    Raises:
        NotFound: there is no such run.
    """
    one, other = find_run(workspace, first), find_run(workspace, second)
    differences: dict[str, Interval] = {}
    rows, why = 0, ""
    try:
        scored = _both(workspace, one, other)
    except _NotPaired as exc:
        why = str(exc)
    else:
        rows = len(scored[0].truth)
        differences = _differences(*scored, seed=seed)
    return RunComparison(one, other, _params(one, other), _rows(one, other, differences), rows, why)


class _NotPaired(Exception):
    """The two runs cannot be compared row by row; the message says why."""


def _both(workspace: Workspace, one: Record, other: Record) -> tuple[Scored, Scored]:
    bundles = []
    for run in (one, other):
        version = version_of(workspace, run)
        if version is None:
            raise _NotPaired(f"the run {run.id[:12]} registered no model")
        bundles.append(Bundle.open(version.bundle))
    if one.tags.get("data_fingerprint") != other.tags.get("data_fingerprint"):
        raise _NotPaired("the runs were trained on different tables")
    held, same = _holdout(one), _holdout(other)
    if fingerprint(held) != fingerprint(same):
        raise _NotPaired("the runs kept different rows apart (another seed, share or split)")
    if bundles[0].signature.task != bundles[1].signature.task:
        raise _NotPaired("the runs have different tasks")
    return score(bundles[0], held), score(bundles[1], held)


def _holdout(run: Record) -> pl.DataFrame:
    try:
        source = origin(run)
    except MlwrightError as exc:
        raise _NotPaired(str(exc)) from exc
    if not source.unchanged:
        raise _NotPaired(f"{source.path} has changed since")
    return source.holdout()


def _differences(one: Scored, other: Scored, *, seed: int) -> dict[str, Interval]:
    task = one.signature.task
    plain = task == "regression"
    known = one.metrics(seed=seed).keys() & other.metrics(seed=seed).keys()
    return {
        name: paired_metric_difference(
            task,
            name,
            one.truth,
            other.decided,
            None if plain else other.scores,
            one.decided,
            None if plain else one.scores,
            seed=seed,
        )
        for name in HIGHER_IS_BETTER
        if name in known
    }


def _rows(one: Record, other: Record, differences: Mapping[str, Interval]) -> tuple[Row, ...]:
    return tuple(
        Row(
            name,
            one.metrics.get(_PREFIX + name),
            other.metrics.get(_PREFIX + name),
            differences.get(name),
        )
        for name in HIGHER_IS_BETTER
        if _PREFIX + name in {**one.metrics, **other.metrics}
    )


def _params(one: Record, other: Record) -> dict[str, tuple[Any, Any]]:
    shared = ("seed", "share", "split", "choices", "data_fingerprint")
    sides = [
        {**run.params, **{name: run.tags[name] for name in shared if name in run.tags}}
        for run in (one, other)
    ]
    names = [*sides[0], *(name for name in sides[1] if name not in sides[0])]
    return {name: (sides[0].get(name), sides[1].get(name)) for name in names}
