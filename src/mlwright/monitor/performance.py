"""Performance: the metrics of the labelled rows of a window against the bundle's holdout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core.signature import Label, Signature
from mlwright.stats.bootstrap import bootstrap_metrics
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import HIGHER_IS_BETTER

from .rows import scores

FEWEST_LABELS = 50
MOST_LABELS = 10_000
LEAST_DIFFERENCE = 0.02
LEVEL = 0.99
RULE = (
    f"degraded: the {LEVEL:.0%} interval of accuracy, F1, AUC or log loss (MAE, RMSE or R²) lies "
    "wholly on the worse side of the interval measured when the model was trained, and the values "
    f"differ by more than {LEAST_DIFFERENCE} (MAE and RMSE: by {LEAST_DIFFERENCE:.0%})"
)
_BY_UNIT = ("mae", "rmse")
# Few, so that chance seldom finds one. Precision and recall trade places when only the threshold
# or the share of positives moves, and ECE grows as rows get fewer, whatever the model does.
_JUDGED = ("accuracy", "f1", "auc", "log_loss", "mae", "rmse", "r2")

Verdict = Literal["ok", "degraded", "not_enough_data"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric now and when the model was trained, and whether it is worse beyond doubt."""

    current: Interval
    baseline: Interval
    worse: bool


@dataclass(frozen=True, slots=True)
class Performance:
    """What the labels say.

    `labelled` rows have a usable label, of which the newest were `measured`; `strange` counts
    labels that are no class of the model.
    """

    verdict: Verdict
    labelled: int
    measured: int
    coverage: float
    strange: int
    metrics: Mapping[str, Metric]

    def to_json(self) -> dict[str, Any]:
        """Return the performance as a JSON object; `rule` says what degraded means."""
        return {
            "verdict": self.verdict,
            "labelled": self.labelled,
            "measured": self.measured,
            "coverage": self.coverage,
            "strange_labels": self.strange,
            "metrics": {
                name: {
                    "current": metric.current.to_json(),
                    "baseline": metric.baseline.to_json(),
                    "worse": metric.worse,
                }
                for name, metric in self.metrics.items()
            },
            "rule": RULE,
        }


def measure(
    labelled: pl.DataFrame,
    signature: Signature,
    baseline: Mapping[str, Mapping[str, float]],
    *,
    rows: int,
) -> Performance:
    """Measure the labelled rows, of which the newest 10,000 are enough.

    Args:
        labelled: rows of the prediction log with the column `label` (text).
        signature: the model's.
        baseline: metric -> value, low, high, n of the bundle's holdout.
        rows: the rows of the window, labelled or not.
    """
    truth, predicted = (_codes(labelled[name], signature) for name in ("label", "prediction"))
    usable = np.isfinite(truth) & np.isfinite(predicted)
    table = labelled.filter(pl.Series(usable)).tail(MOST_LABELS)
    count = int(usable.sum())
    coverage = count / rows if rows else 0.0
    strange = labelled.height - count
    if count < FEWEST_LABELS:
        return Performance("not_enough_data", count, 0, coverage, strange, {})
    now = bootstrap_metrics(
        signature.task,
        truth[usable][-MOST_LABELS:],
        predicted[usable][-MOST_LABELS:],
        None if signature.task == "regression" else scores(table, signature),
        level=LEVEL,
        repeats=1000 if table.height <= 2000 else 400,
        units=_units(table),
    )
    metrics = {
        name: _metric(name, current, _interval(baseline[name]))
        for name, current in now.items()
        if name in baseline
    }
    worse = any(metric.worse for metric in metrics.values())
    verdict: Verdict = "degraded" if worse else "ok"
    return Performance(verdict, count, table.height, coverage, strange, metrics)


def _metric(name: str, current: Interval, baseline: Interval) -> Metric:
    if HIGHER_IS_BETTER[name]:
        apart, gap = current.high < baseline.low, baseline.value - current.value
    else:
        apart, gap = current.low > baseline.high, current.value - baseline.value
    least = LEAST_DIFFERENCE * (baseline.value if name in _BY_UNIT else 1.0)
    return Metric(current, baseline, apart and gap > least and name in _JUDGED)


def _interval(value: Mapping[str, float]) -> Interval:
    return Interval(value["value"], value["low"], value["high"], int(value["n"]))


def _units(table: pl.DataFrame) -> NDArray[Any] | None:
    """Return the unit of each row, its routing key, or None when every row is its own."""
    units = table.select(pl.coalesce("key", "request_id")).to_series()
    return None if units.n_unique() == len(units) else units.rank("dense").to_numpy()


def _codes(values: pl.Series, signature: Signature) -> NDArray[np.float64]:
    """Return class indices, or numbers of a regression; NaN for what is neither."""
    if signature.task == "regression":
        numbers = values.cast(pl.Float64, strict=False)
    else:
        known = {
            text: float(index)
            for index, label in enumerate(signature.classes)
            for text in _spellings(label)
        }
        numbers = values.replace_strict(known, default=None, return_dtype=pl.Float64)
    return np.asarray(numbers.fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _spellings(label: Label) -> set[str]:
    """Return how a label may stand in a log or a label file."""
    if isinstance(label, bool):
        return {str(label), str(label).lower()}
    if isinstance(label, int | float) and float(label).is_integer():
        return {str(label), str(int(label)), str(float(label))}
    return {str(label)}
