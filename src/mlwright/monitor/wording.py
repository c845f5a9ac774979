"""The words of a check: its verdict as a sentence, and the parts of its alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.core import clock
from mlwright.stats.intervals import Interval

from .drift import Finding
from .performance import FEWEST_LABELS, Metric

if TYPE_CHECKING:
    from .check import Check

_MOST_NAMED = 5
_IN_UNITS = ("mae", "rmse", "r2", "log_loss")
_WHERE = {"data_drift": "", "missing_values": "missing values of ", "prediction_drift": "the "}
_CAPITALS = ("auc", "mae", "rmse", "ece", "f1", "r2")


def sentence(check: Check) -> str:
    """Return the verdict as a sentence that stands on its own."""
    rows = f"{check.rows:,} {'row' if check.rows == 1 else 'rows'}"
    if check.verdict == "not_enough_data":
        return f"Not enough data: {rows}, {check.policy.minimum_rows:,} are needed."
    if check.verdict == "degraded":
        names = ", ".join(metric_name(name) for name, metric in worse(check).items())
        drift = f"; drift in {_named(check.drifted)}" if check.drifted else ""
        loss = check.performance.loss
        if loss and loss.risen:
            since = f" since {clock.iso(loss.since)}" if loss.since is not None else ""
            return f"{metric_name(loss.metric)} is higher than training promised{since}{drift}."
        count = f"{check.performance.measured:,} labelled rows"
        return f"Performance has degraded over {count} ({names}){drift}."
    features = len(check.reference.columns)
    if check.verdict == "ok":
        return f"No drift in {features} features over {rows}."
    if not check.drifted:
        return f"The predictions drifted, none of {features} features alone did, over {rows}."
    named = _named(check.drifted)
    return f"Drift in {len(check.drifted)} of {features} features over {rows}: {named}."


def sensitivity(check: Check) -> str:
    """Return how sure the check is: what it saw at most, and what it would have found."""
    parts = []
    if check.findings:
        largest = max(check.findings, key=lambda finding: finding.effect)
        smallest = max(finding.smallest for finding in check.findings)
        parts.append(
            f"largest difference {largest.effect:.3f} ({largest.feature}); one of {smallest:.3f} "
            "in any single feature would be found nine times in ten"
        )
    else:
        parts.append(f"drift is not judged below {check.policy.minimum_rows:,} rows")
    if check.performance.verdict == "not_enough_data":
        parts.append(
            f"performance is not judged below {FEWEST_LABELS} labels ({check.labelled:,} known)"
        )
    else:
        parts.append(f"{check.performance.coverage:.0%} of the rows are labelled")
    return "; ".join(parts)


def measured(check: Check) -> tuple[str, str, str]:
    """Return what an alert measures, its value with the interval, and the threshold."""
    loss = check.performance.loss
    if loss and loss.risen:
        now = _spread(loss.metric, loss.current) if loss.current else "higher"
        return metric_name(loss.metric), now, _number(loss.metric, loss.limit)
    if check.verdict == "degraded":
        name, metric = next(iter(worse(check).items()))
        return metric_name(name), _spread(name, metric.current), _limit(name, metric)
    first = next(finding for finding in check.findings if finding.drifted)
    value = f"{first.effect:.2f}"
    if first.interval:
        value += f" ({first.interval.low:.2f} to {first.interval.high:.2f})"
    where = f"{_WHERE[first.kind]}{first.feature}"
    return "Drift", f"{value} in {where}", f"{check.policy.effect_floor:g}"


def causes(check: Check) -> tuple[str, ...]:
    """Return the likely cause: a sentence, then the features it names, ranked."""
    drifted = [f for f in check.findings if f.drifted and f.kind != "prediction_drift"]
    if not drifted:
        if check.verdict == "drift":
            return ("The predictions drifted, no single feature did",)
        unchecked = "" if check.current else " (too few rows to look for drift)"
        return (f"No drift found in the features{unchecked}; the outcome may depend on them anew",)
    named = [_cause(finding) for finding in drifted[:_MOST_NAMED]]
    if len(drifted) > _MOST_NAMED:
        named.append(f"and {len(drifted) - _MOST_NAMED} more")
    return ("Data drift detected in features:", *named)


def action(check: Check) -> str:
    """Return the command that answers the verdict."""
    if check.version == 0:  # rows in files, where nothing of ours answers
        return f"mlwright monitor check {check.model} --reference-data {check.compared_with}"
    reason = "performance_degraded" if check.verdict == "degraded" else "data_drift_detected"
    return f"mlwright retrain run --environment {check.environment} --reason {reason}"


def worse(check: Check) -> dict[str, Metric]:
    """Return the metrics that are worse beyond doubt."""
    return {name: metric for name, metric in check.performance.metrics.items() if metric.worse}


def metric_name(name: str) -> str:
    """Return a metric's name for people.

    >>> metric_name("auc"), metric_name("estimated_log_loss")
    ('AUC', 'Estimated Log Loss')
    """
    if name.startswith("estimated_"):
        return f"Estimated {metric_name(name.removeprefix('estimated_'))}"
    return name.upper() if name in _CAPITALS else name.replace("_", " ").title()


def _cause(finding: Finding) -> str:
    what = "missing values, PSI" if finding.kind == "missing_values" else "PSI"
    return f"{finding.feature} ({what}: {finding.psi:.2f})"


def _spread(name: str, value: Interval) -> str:
    low, high = _number(name, value.low), _number(name, value.high)
    return f"{_number(name, value.value)} ({low} to {high})"


def _limit(name: str, metric: Metric) -> str:
    """Return the end of the baseline's interval that the metric must not fall behind."""
    higher = metric.current.value < metric.baseline.value
    return _number(name, metric.baseline.low if higher else metric.baseline.high)


def _number(name: str, value: float) -> str:
    return f"{value:.4g}" if name in _IN_UNITS else f"{value:.1%}"


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
