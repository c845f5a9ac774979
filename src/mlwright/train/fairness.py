"""How a model treats groups: rates of each, with intervals, and which rates differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.stats.arrays import BoolArray
from mlwright.stats.conditions import conditions
from mlwright.stats.intervals import Interval, mean_interval, wilson
from mlwright.train.scored import Scored

FEWEST_ROWS = 30
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a column, and its rates; a rate without rows is absent."""

    name: str
    rows: int
    rates: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Fairness:
    """The groups of a column, and the rates that differ between them beyond chance.

    `small` counts groups of fewer than 30 rows, which are not judged.
    """

    column: str
    groups: tuple[Group, ...]
    differing: Mapping[str, tuple[str, str]]
    small: int

    def to_json(self) -> dict[str, Any]:
        """Return the groups as a JSON object."""
        return {
            "column": self.column,
            "groups": [
                {
                    "group": group.name,
                    "rows": group.rows,
                    "rates": {name: rate.to_json() for name, rate in group.rates.items()},
                }
                for group in self.groups
            ],
            "differing": {
                rate: {"lowest": low, "highest": high}
                for rate, (low, high) in self.differing.items()
            },
            "small_groups": self.small,
        }


def fairness(column: str, values: NDArray[Any], scored: Scored) -> Fairness:
    """Return the rates of each group: of a value, or of a quarter of a number's range.

    Two classes: the share that is positive, that is predicted so (demographic parity), and the
    true and false positive rates (equalised odds; Hardt, Price and Srebro 2016). A rate differs
    where the intervals of its lowest and highest group, at 95% for all groups together, are
    apart.

    Args:
        column: its name.
        values: of the rows (n,): numbers with NaN for null, or objects.
        scored: the rows.
    """
    split = conditions(column, values)
    large = [each for each in split if each.rows.sum() >= FEWEST_ROWS]
    groups = tuple(
        Group(
            each.level.removeprefix("= "), int(each.rows.sum()), _rates(scored, each.rows, _LEVEL)
        )
        for each in large
    )
    strict = 1 - (1 - _LEVEL) / max(len(large), 1)
    corrected = [_rates(scored, each.rows, strict) for each in large]
    return Fairness(column, groups, _differing(groups, corrected), len(split) - len(large))


def _differing(
    groups: tuple[Group, ...], corrected: list[dict[str, Interval]]
) -> dict[str, tuple[str, str]]:
    found = {}
    for rate in dict.fromkeys(name for rates in corrected for name in rates):
        known = [
            (rates[rate], group.name)
            for rates, group in zip(corrected, groups, strict=True)
            if rate in rates
        ]
        low = min(known, key=lambda each: each[0].value)
        high = max(known, key=lambda each: each[0].value)
        if low[0].high < high[0].low:
            found[rate] = (low[1], high[1])
    return found


def _rates(scored: Scored, rows: BoolArray, level: float) -> dict[str, Interval]:
    truth, decided = scored.truth[rows], scored.decided[rows]
    if scored.signature.task == "regression":
        error = decided - truth
        return {
            "mean_error": mean_interval(error, level=level),
            "mae": mean_interval(np.abs(error), level=level),
        }
    every = np.ones(len(truth), bool)
    parts: dict[str, tuple[BoolArray, BoolArray]] = {"accuracy": (truth == decided, every)}
    if scored.signature.task == "binary":
        yes, said = truth == 1, decided == 1
        parts |= {
            "positive": (yes, every),
            "predicted_positive": (said, every),
            "true_positive_rate": (said & yes, yes),
            "false_positive_rate": (said & ~yes, ~yes),
        }
    return {
        name: wilson(int(hits.sum()), int(among.sum()), level=level)
        for name, (hits, among) in parts.items()
        if among.any()
    }
