"""What a model must reach: stated by the user, and judged with the interval in view."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.core.errors import ConfigError, DataError, did_you_mean
from mlwright.core.signature import Task
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import HIGHER_IS_BETTER, metric_names

_SHARES = {"accuracy", "precision", "recall", "f1", "auc", "average_precision", "ece"}


@dataclass(frozen=True, slots=True)
class Minimum:
    """One metric, the worst value that passes, and what was measured."""

    metric: str
    wanted: float
    found: Interval

    @property
    def passed(self) -> bool:
        """Return whether the measured value is at least as good."""
        if HIGHER_IS_BETTER[self.metric]:
            return self.found.value >= self.wanted
        return self.found.value <= self.wanted

    @property
    def significant(self) -> bool:
        """Return whether the whole interval lies on the side of the answer."""
        low, high = self.found.low, self.found.high
        above = low >= self.wanted if self.passed else high < self.wanted
        below = high <= self.wanted if self.passed else low > self.wanted
        return above if HIGHER_IS_BETTER[self.metric] else below

    def sentence(self) -> str:
        """Say what was wanted, found, and how sure that is."""
        found = self.found
        better = HIGHER_IS_BETTER[self.metric]
        where = ("reaches" if better else "keeps to") if self.passed else "misses"
        sure = "significantly" if self.significant else "within noise"
        return (
            f"{self.metric} {found.value:.4g} [{found.low:.4g}, {found.high:.4g}] {where} "
            f"{self.wanted:g}, {sure}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the minimum as a JSON object."""
        return {
            "metric": self.metric,
            "wanted": self.wanted,
            "found": self.found.to_json(),
            "passed": self.passed,
            "significant": self.significant,
        }


def parse(stated: Iterable[str], task: Task) -> dict[str, float]:
    """Read `accuracy=0.85` and the like, for a model of this task.

    Raises:
        ConfigError: it is not of that form, or the metric does not fit the task.

    >>> parse(["auc=0.9"], "binary")
    {'auc': 0.9}
    """
    found = {}
    known = metric_names(task)
    for text in stated:
        name, _, number = text.replace(" ", "").partition("=")
        if name not in known:
            fits = "is not measured for" if name in HIGHER_IS_BETTER else "is no metric of"
            raise ConfigError(
                f"--min {text}: {name!r} {fits} a {task} model{did_you_mean(name, known)}",
                hint=f"name one of {', '.join(known)}",
            )
        try:
            found[name] = float(number)
        except ValueError:
            found[name] = math.nan
        if not math.isfinite(found[name]):
            raise ConfigError(
                f"--min {text}: {number!r} is no number", hint=f"write --min {name}=0.8"
            )
        if name in _SHARES and not 0 <= found[name] <= 1:
            raise ConfigError(
                f"--min {text}: {name} lies between 0 and 1", hint=f"write --min {name}=0.8"
            )
    return found


def judge(wanted: Mapping[str, float], measured: Mapping[str, Interval]) -> tuple[Minimum, ...]:
    """Return each minimum with what was measured.

    Raises:
        DataError: a metric does not exist for these rows.
    """
    absent = [name for name in wanted if name not in measured]
    if absent:
        raise DataError(
            f"{absent[0]} cannot be measured on these rows, which hold or are given one class only",
            hint="give rows of every class, or leave that minimum out",
        )
    return tuple(Minimum(name, value, measured[name]) for name, value in wanted.items())
