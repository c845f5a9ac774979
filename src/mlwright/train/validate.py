"""Validate a packaged model on rows that are given for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import ConfigError, DataError, did_you_mean
from mlwright.data.fingerprint import fingerprint
from mlwright.data.split import group_numbers
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import HIGHER_IS_BETTER
from mlwright.stats.slices import Slices, worst_slices
from mlwright.train import minimums as gate
from mlwright.train.curves import calibration, confusion
from mlwright.train.fairness import Fairness, fairness
from mlwright.train.minimums import Minimum
from mlwright.train.result import plain
from mlwright.train.scored import Scored, score
from mlwright.train.strange import strange

PARTS = ("fit", "out_of_fold", "holdout", "test")
_WORST = 20
_FEWEST_UNITS = 10


@dataclass(frozen=True, slots=True)
class Validation:
    """What a model does on the given rows.

    `parts` holds the metrics of training beside those of the test, for the over-fitting check;
    `worst` the numbers of the rows of the highest loss (the first row of the table is 1), with
    their loss.
    """

    model: str
    bundle: Bundle
    scored: Scored
    fingerprint: str
    metrics: Mapping[str, Interval]
    parts: Mapping[str, Mapping[str, Interval]]
    minimums: tuple[Minimum, ...]
    slices: Slices
    groups: tuple[Fairness, ...]
    worst: tuple[tuple[int, float], ...]
    notices: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Return whether every minimum is reached."""
        return all(minimum.passed for minimum in self.minimums)

    @property
    def worse(self) -> tuple[str, ...]:
        """Return the metrics whose intervals lie wholly on the worse side of the holdout's."""
        held = self.parts.get("holdout", {})
        return tuple(
            name
            for name, now in self.metrics.items()
            if name in held and _worse(name, now, held[name])
        )

    def overfitting(self) -> str:
        """Say how the rows given compare with those of training."""
        if "holdout" not in self.parts:
            return "What it did in training is not known."
        if self.worse:
            return (
                f"Worse than on the holdout, beyond chance: {', '.join(self.worse)}. These rows "
                "differ from those of training, or the holdout flattered the model."
            )
        return "As good as on the holdout, within the intervals."

    def to_json(self) -> dict[str, Any]:
        """Return the validation as a JSON object; it holds no values of rows."""
        found = self.scored
        return {
            "model": self.model,
            "bundle": str(self.bundle.path),
            "task": found.signature.task,
            "rows": len(found.truth),
            "data_fingerprint": self.fingerprint,
            "metrics": plain(self.metrics),
            "parts": {name: plain(metrics) for name, metrics in self.parts.items()},
            "overfitting": {"worse": list(self.worse), "sentence": self.overfitting()},
            "minimums": [minimum.to_json() for minimum in self.minimums],
            "passed": self.passed,
            "slices": self.slices.to_json(),
            "groups": [group.to_json() for group in self.groups],
            "confusion": _confusion(found),
            "calibration": [
                {"said": said, "seen": seen.to_json()} for said, seen in calibration(found)
            ],
            "worst_rows": [{"row": row, "loss": loss} for row, loss in self.worst],
            "notices": list(self.notices),
        }


def validate(
    bundle: Bundle,
    table: pl.DataFrame,
    *,
    model: str,
    minimums: Iterable[str] = (),
    groups: Sequence[str] = (),
    unit: str | None = None,
    seed: int = 0,
) -> Validation:
    """Score the rows that have a target, and judge the model by them.

    Args:
        bundle: the model.
        table: its columns and its target.
        model: what to call it.
        minimums: `metric=value`, the worst that passes.
        groups: columns whose groups are compared; they need not be inputs.
        unit: a column whose rows of one value belong together, as a customer's: the metrics'
            intervals are then those of a cluster bootstrap.
        seed: of the bootstrap and of the slices.

    Raises:
        ConfigError: a metric does not fit the task, or a group's column is not in the table.
        SignatureError: columns of the model are missing or do not fit.
        DataError: the target is missing, holds unknown classes, or has too few rows.
    """
    wanted = gate.parse(minimums, bundle.signature.task)
    for flag, names in (("--group", groups), ("--unit", [unit] if unit else [])):
        _check_columns(table, flag, names)
    scored = score(bundle, table)
    metrics = scored.metrics(seed=seed, units=_units(table[scored.rows], unit))
    losses = scored.losses
    grouped = {
        name: scored.columns[name] if name in scored.columns else _values(table[scored.rows][name])
        for name in groups
    }
    digest = fingerprint(table)
    worst = np.argsort(-losses, kind="stable")[:_WORST]
    return Validation(
        model=model,
        bundle=bundle,
        scored=scored,
        fingerprint=digest,
        metrics=metrics,
        parts={**_trained(bundle), "test": metrics},
        minimums=gate.judge(wanted, metrics),
        slices=worst_slices({**scored.columns, **grouped}, losses, seed=seed),
        groups=tuple(fairness(name, values, scored) for name, values in grouped.items()),
        worst=tuple((int(scored.rows[i]) + 1, float(losses[i])) for i in worst),
        notices=tuple(_notices(bundle, table, scored, digest, unit)),
    )


def _check_columns(table: pl.DataFrame, flag: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in table.columns:
            raise ConfigError(
                f"{flag} {name}: the table has no column {name!r}"
                f"{did_you_mean(name, table.columns)}",
                hint="name a column of the test data",
            )


def _units(table: pl.DataFrame, unit: str | None) -> NDArray[np.int64] | None:
    """Return the number of each row's unit."""
    if unit is None:
        return None
    blank = table[unit].null_count()
    found = group_numbers(table, [unit])
    if blank or len(np.unique(found)) < _FEWEST_UNITS:
        why = (
            f"is blank in {blank:,} rows"
            if blank
            else f"has fewer than {_FEWEST_UNITS} different values, too few for an interval"
        )
        raise DataError(
            f"--unit {unit}: the column {why}", hint="name the column that says what rows share"
        )
    return found


def _trained(bundle: Bundle) -> dict[str, dict[str, Interval]]:
    return {
        part: {
            name: _interval(bundle.metrics[part][name])
            for name in HIGHER_IS_BETTER
            if name in bundle.metrics[part]
        }
        for part in PARTS
        if part in bundle.metrics
    }


def _interval(value: Mapping[str, float]) -> Interval:
    return Interval(value["value"], value["low"], value["high"], int(value["n"]))


def _worse(name: str, now: Interval, then: Interval) -> bool:
    return now.high < then.low if HIGHER_IS_BETTER[name] else now.low > then.high


def _confusion(scored: Scored) -> dict[str, Any] | None:
    if scored.signature.task == "regression":
        return None
    return {"classes": list(scored.signature.classes), "counts": confusion(scored).tolist()}


def _values(series: pl.Series) -> NDArray[Any]:
    """Return a column as `slices.conditions` takes it."""
    if series.dtype.is_numeric():
        return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    values = np.empty(len(series), dtype=object)
    values[:] = [None if value is None else str(value) for value in series.to_list()]
    return values


def _notices(
    bundle: Bundle, table: pl.DataFrame, scored: Scored, digest: str, unit: str | None
) -> list[str]:
    found = []
    if unit:
        found.append(
            f"the metrics' intervals count each {unit!r} once; slices and groups still take every "
            "row for itself, so that theirs are too narrow where rows belong together"
        )
    if digest == bundle.data.get("fingerprint"):
        found.append(
            "this is the table that the model was trained on, so these figures are too good"
        )
    without = table.height - len(scored.rows)
    if without:
        found.append(f"{without:,} rows without a target were left out")
    absent = len(scored.signature.classes) - len(np.unique(scored.truth))
    if scored.signature.classes and absent:
        found.append(f"{absent} of the model's classes do not occur in these rows")
    return [*found, *strange(scored.columns, bundle.signature, bundle.plan)]
