"""What a training gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.bundle.bundle import Bundle
from mlwright.core.signature import Task
from mlwright.data.schema import Finding
from mlwright.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Trained:
    """A registered model version, how well it does, and what was noticed on the way.

    `gain` is the linear baseline's mean holdout loss less the model's: above 0, it is better.
    `rival_gain` is what a metric gains on the rival, where there was one: above 0, it is better.
    """

    run_id: str
    model: str
    version: int
    task: Task
    algorithm: str
    metrics: dict[str, dict[str, Interval]]
    baselines: dict[str, dict[str, Interval]]
    gain: Interval | None
    threshold: float | None
    seconds: float
    bundle: Bundle
    findings: tuple[Finding, ...]
    notices: tuple[str, ...]
    rows: dict[str, int]
    rival_gain: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as a JSON object; measured values have value, low, high and n."""
        return {
            "run_id": self.run_id,
            "model": self.model,
            "version": self.version,
            "task": self.task,
            "algorithm": self.algorithm,
            "metrics": {part: plain(found) for part, found in self.metrics.items()},
            "baselines": {name: plain(found) for name, found in self.baselines.items()},
            "gain": None if self.gain is None else self.gain.to_json(),
            "threshold": self.threshold,
            "seconds": round(self.seconds, 3),
            "bundle": str(self.bundle.path),
            "findings": [finding.to_json() for finding in self.findings],
            "notices": list(self.notices),
            "rows": self.rows,
        }


@dataclass(frozen=True, slots=True)
class Baselines:
    """What later models have to beat: the runs of the baselines and their metrics."""

    name: str
    task: Task
    runs: dict[str, str]
    metrics: dict[str, dict[str, Interval]]
    rows: dict[str, int]
    notices: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the result as a JSON object."""
        return {
            "name": self.name,
            "task": self.task,
            "runs": [
                {
                    "run_id": run,
                    "algorithm": name,
                    "metrics": {"holdout": plain(self.metrics[name])},
                }
                for name, run in self.runs.items()
            ],
            "notices": list(self.notices),
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
        }


def plain(metrics: Mapping[str, Interval]) -> dict[str, dict[str, float | int]]:
    """Return measured values as JSON objects."""
    return {name: interval.to_json() for name, interval in metrics.items()}
