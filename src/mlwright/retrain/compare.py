"""Champion against challenger, on rows that neither has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.core.signature import Signature
from mlwright.data.schema import columns, conform, target_codes
from mlwright.stats.arrays import FloatArray
from mlwright.stats.bootstrap import paired_difference
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import losses, measure

from .harm import MOST_FEATURES, harmed_slices, slower, worse_calibration

_LOSS = {"binary": "log_loss", "multiclass": "log_loss", "regression": "squared_error"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the paired test said. `gain` is the champion's loss less the challenger's."""

    loss: str
    gain: Interval
    level: float
    champion: dict[str, float]
    challenger: dict[str, float]
    units: int
    harms: tuple[str, ...] = ()

    @property
    def better(self) -> bool:
        """Return whether the challenger's loss is lower with the stated confidence."""
        return self.gain.low > 0

    @property
    def wins(self) -> bool:
        """Return whether the challenger is better, and does no harm elsewhere."""
        return self.better and not self.harms

    def advice(self) -> str:
        """Say what would change the decision, where the champion stays."""
        if self.harms and self.better:
            return "what would change it: a challenger without that harm, as of other parameters"
        if self.gain.value <= 0:
            return (
                "what would change it: newer rows that differ more, other features or parameters; "
                "more rows like these would not"
            )
        needed = self.gain.n * ((self.gain.value - self.gain.low) / self.gain.value) ** 2
        return (
            f"what would change it: were the true gain what it seems, about {needed:,.0f} labelled "
            f"rows to judge by ({self.gain.n:,} were there)"
        )

    def sentence(self) -> str:
        """Say the result in words."""
        interval = f"{self.gain.value:.4f} [{self.gain.low:.4f}, {self.gain.high:.4f}]"
        verdict = (
            "the challenger is better"
            if self.better
            else "the challenger is worse"
            if self.gain.high < 0
            else "the difference is within noise"
        )
        harm = f", but {'; '.join(self.harms)}" if self.harms else ""
        return (
            f"on the {self.gain.n:,} newest labelled rows, which neither model had seen, the "
            f"challenger's {self.loss.replace('_', ' ')} is lower by {interval}: {verdict}{harm}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a JSON object."""
        return {
            "loss": self.loss,
            "gain": self.gain.to_json(),
            "level": self.level,
            "better": self.better,
            "harms": list(self.harms),
            "units": self.units,
            "champion": self.champion,
            "challenger": self.challenger,
        }


def compare(
    champion: Bundle,
    challenger: Bundle,
    judging: pl.DataFrame,
    *,
    level: float,
    features: Sequence[str] = (),
    seed: int = 0,
) -> Comparison:
    """Score both models on the same rows, and test the difference of their losses.

    The unit of analysis is the routing key where every row has one, else the row.

    Args:
        champion: the model that answers now.
        challenger: the model that would replace it.
        judging: labelled rows, with the target column and `key`.
        level: confidence of the interval; the challenger wins when its low end is above 0.
        features: by whose slices harm is looked for; the most important ones when left out.
        seed: of the bootstrap.
    """
    ours, theirs = _score(champion, judging), _score(challenger, judging)
    keys = judging["key"]
    units = keys.to_numpy() if keys.null_count() == 0 else None
    names = features or sorted(champion.importance, key=lambda n: -champion.importance[n])
    return Comparison(
        loss=_LOSS[champion.signature.task],
        gain=paired_difference(ours.losses, theirs.losses, units=units, level=level, seed=seed),
        level=level,
        champion=ours.metrics,
        challenger=theirs.metrics,
        units=keys.n_unique() if units is not None else judging.height,
        harms=(
            *harmed_slices(ours.table, ours.losses, theirs.losses, names[:MOST_FEATURES]),
            *worse_calibration(ours.metrics, theirs.metrics),
            *slower(champion, challenger, ours.table),
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    table: pl.DataFrame
    losses: FloatArray
    metrics: dict[str, float]


def _score(bundle: Bundle, judging: pl.DataFrame) -> _Scored:
    signature = bundle.signature
    table = conform(judging, signature, target=True)
    truth = target_codes(table, signature)
    predicted = bundle.model().predict(columns(table, signature))
    codes = _codes(predicted.prediction, signature)
    scores = predicted.scores if signature.task != "regression" else None
    metrics = measure(signature.task, truth, codes, scores)
    return _Scored(table, losses(signature.task, truth, predicted.scores), metrics)


def _codes(predictions: list[Any], signature: Signature) -> np.ndarray[Any, Any]:
    if signature.task == "regression":
        return np.asarray(predictions, dtype=np.float64)
    code = {label: i for i, label in enumerate(signature.classes)}
    return np.asarray([code[label] for label in predictions], dtype=np.int64)
