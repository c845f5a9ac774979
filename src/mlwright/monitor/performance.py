"""Performance: the metrics of the labelled rows of a window against the bundle's holdout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from mlwright.stats.bootstrap import bootstrap_metrics
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import HIGHER_IS_BETTER

from .live import Live
from .stream import Loss
from .truth import Known

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
JUDGED = ("accuracy", "f1", "auc", "log_loss", "mae", "rmse", "r2")

Verdict = Literal["ok", "degraded", "not_enough_data"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric now, when the model was trained where that is known, and if it is surely worse."""

    current: Interval
    baseline: Interval | None
    worse: bool


@dataclass(frozen=True, slots=True)
class Performance:
    """What the labels say.

    `labelled` rows have a usable label, of which the newest were `measured`; `strange` counts
    labels that are no class of the model; `lag_seconds` is how long labels took (p50, p95). `loss`
    is there in a watch, whose verdict it makes.
    """

    verdict: Verdict
    labelled: int
    measured: int
    coverage: float
    strange: int
    metrics: Mapping[str, Metric]
    lag_seconds: Mapping[str, float] | None
    loss: Loss | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the performance as a JSON object; `rule` says what degraded means."""
        return {
            "verdict": self.verdict,
            "labelled": self.labelled,
            "measured": self.measured,
            "coverage": self.coverage,
            "strange_labels": self.strange,
            "lag_seconds": dict(self.lag_seconds) if self.lag_seconds else None,
            "metrics": {
                name: {
                    "current": metric.current.to_json(),
                    "baseline": metric.baseline.to_json() if metric.baseline else None,
                    "worse": metric.worse,
                }
                for name, metric in self.metrics.items()
            },
            "loss": self.loss.to_json() if self.loss else None,
            "rule": RULE,
        }


def measure(
    known: Known,
    baseline: Mapping[str, Mapping[str, float]],
    *,
    rows: int,
    loss: Loss | None = None,
    judged: bool = True,
) -> Performance:
    """Measure the labelled rows, of which the newest 10,000 are enough.

    Args:
        known: rows of the prediction log whose truth is known.
        baseline: metric -> value, low, high, n of the bundle's holdout.
        rows: the rows of the window, labelled or not.
        loss: what a watch says of the loss; it makes the verdict.
        judged: whether a metric may be called worse here; a watch judges all its windows together.
    """
    found = partial(
        Performance,
        labelled=len(known),
        coverage=len(known) / rows if rows else 0.0,
        strange=known.strange,
        lag_seconds=known.lag_seconds,
        loss=loss,
    )
    risen = loss is not None and loss.risen
    if len(known) < FEWEST_LABELS and not risen:
        return found(verdict="not_enough_data", measured=0, metrics={})
    newest = known.newest(MOST_LABELS)
    measured = intervals(newest, level=LEVEL) if len(known) >= FEWEST_LABELS else {}
    metrics = {
        name: _metric(name, current, _interval(baseline[name]), judged=judged)
        if name in baseline
        else Metric(current, None, worse=False)
        for name, current in measured.items()
    }
    worse = risen or any(metric.worse for metric in metrics.values())
    verdict: Verdict = "degraded" if worse else "ok"
    return found(verdict=verdict, measured=len(newest), metrics=metrics)


def measured(
    answering: Live,
    judged_rows: Known,
    *,
    rows: int,
    loss: Loss | None = None,
    judged: bool = True,
    minimum: float | None = None,
) -> Performance:
    """Measure labelled rows of the live version against its holdout, or a least accuracy."""
    bundle = answering.bundle
    baseline = dict(bundle.metrics.get("holdout", {}))
    if minimum is not None and bundle.signature.task != "regression":
        baseline["accuracy"] = at_least(minimum)
    return measure(judged_rows, baseline, rows=rows, loss=loss, judged=judged)


def at_least(accuracy: float) -> dict[str, float]:
    """Return a least accuracy as a baseline that is known for sure."""
    return {"value": accuracy, "low": accuracy, "high": accuracy, "n": 1}


def intervals(known: Known, *, level: float, repeats: int = 1000) -> dict[str, Interval]:
    """Return every metric of these rows with its interval; the unit is the routing key."""
    return bootstrap_metrics(
        known.signature.task,
        known.truth,
        known.predicted,
        known.scores,
        level=level,
        repeats=repeats if len(known) <= 2000 else min(repeats, 400),
        units=known.units,
    )


def _metric(name: str, current: Interval, baseline: Interval, *, judged: bool) -> Metric:
    if HIGHER_IS_BETTER[name]:
        apart, gap = current.high < baseline.low, baseline.value - current.value
    else:
        apart, gap = current.low > baseline.high, current.value - baseline.value
    least = LEAST_DIFFERENCE * (baseline.value if name in _BY_UNIT else 1.0)
    return Metric(current, baseline, judged and apart and gap > least and name in JUDGED)


def _interval(value: Mapping[str, float]) -> Interval:
    return Interval(value["value"], value["low"], value["high"], int(value["n"]))
