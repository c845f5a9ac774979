"""What a search gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlwright.stats.intervals import Interval
from mlwright.train.result import Trained


@dataclass(frozen=True, slots=True)
class Tuned:
    """The model that a search led to, and the search.

    `gain` is what the metric gains on the default parameters, on the holdout, in its better
    direction. `score` is the best trial's mean over its folds: the best of many, so too good.
    `default_score` is that of the default, or of the point of the space that is nearest to it.
    Where another process, which shares the study, trains and registers the winner, `trained` and
    `gain` are None.
    """

    trained: Trained | None
    run_id: str
    study: str
    metric: str
    cv: str
    folds: int
    trials: int
    dropped: int
    failed: int
    best_params: dict[str, Any]
    score: float
    default_score: float | None
    gain: Interval | None
    importance: dict[str, float]
    cpu_seconds: float
    seconds: float

    @property
    def within_noise(self) -> bool:
        """Tell whether the interval of the gain holds 0."""
        return self.gain is not None and self.gain.low <= 0 <= self.gain.high

    def to_json(self) -> dict[str, Any]:
        """Return train's JSON object with the search's keys; `gain` is that on the default."""
        return {
            **(self.trained.to_json() if self.trained else {}),
            "registered_elsewhere": self.trained is None,
            "tune_run_id": self.run_id,
            "study": self.study,
            "metric": self.metric,
            "cv": self.cv,
            "cv_folds": self.folds,
            "trials": self.trials,
            "dropped": self.dropped,
            "failed": self.failed,
            "best_params": self.best_params,
            "best_score": self.score,
            "default_score": self.default_score,
            "gain": self.gain.to_json() if self.gain else None,
            "within_noise": self.within_noise,
            "importance": self.importance,
            "cpu_seconds": round(self.cpu_seconds, 3),
            "seconds": round(self.seconds, 3),
        }
