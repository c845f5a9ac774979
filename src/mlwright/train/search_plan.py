"""A search, checked before its first trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.core.settings import Tune
from mlwright.train.asked_space import make_space
from mlwright.train.divide import Division, check_classes, divide
from mlwright.train.frameworks import FRAMEWORKS, Framework
from mlwright.train.objective import checked_metric
from mlwright.train.search import Space, priors
from mlwright.train.work import Work


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A search, checked before its first trial."""

    work: Work
    framework: Framework
    how: Tune
    base: dict[str, Any]
    metric: str
    space: Space
    first: list[dict[str, Any]]
    division: Division
    study: str

    @property
    def rows(self) -> int:
        """Return how many rows train."""
        return self.work.data.rows["train"]

    def facts(self) -> dict[str, Any]:
        """Return what the search's run is logged with."""
        return {
            "algorithm": self.work.algorithm,
            **self.base,
            "strategy": self.how.strategy,
            "metric": self.metric,
            "cv": self.division.how,
            "cv_folds": self.how.cv_folds,
            "trials": self.how.trials,
            "search_space": json.dumps(self.space.to_json()),
        }


def plan_search(
    work: Work,
    how: Tune,
    base: dict[str, Any],
    *,
    start_from: Mapping[str, Any] | None = None,
) -> Plan:
    """Check what is asked for, and name the study: the same search finds the same one again.

    `base` is set for every trial; `start_from` is tried after the default.

    Raises:
        ConfigError: a value that the algorithm cannot take, or a metric or a way to divide that
            does not fit.
        DataError: the table is too small for the folds, or a fold lacks a class.
    """
    framework = FRAMEWORKS.load(work.algorithm)
    metric = checked_metric(how.optimization_metric, work.problem.task)
    space = make_space(
        how.search_space, work.algorithm, framework, work.problem, rows=work.data.rows["train"]
    )
    division = divide(work.data.sample, work.problem, how=how.cv, folds=how.cv_folds)
    check_classes(division, work.data.sample, work.problem, metric=metric)
    same = {
        **{key: work.tags[key] for key in ("data_fingerprint", "target", "seed", "share")},
        "choices": work.tags["choices"],
        "algorithm": work.algorithm,
        "base": base,
        "strategy": how.strategy,
        "metric": metric,
        "cv": division.how,
        "folds": how.cv_folds,
        "space": space.to_json(),
    }
    digest = hashlib.sha256(json.dumps(same, sort_keys=True, default=str).encode()).hexdigest()
    study = f"{work.name}-{digest[:16]}"
    first = priors(space, work.algorithm, work.params, start_from=start_from)
    return Plan(work, framework, how, base, metric, space, first, division, study)
