"""The alert rules of `mlwright.yaml` against what a check measured.

A rule speaks when the value and the nearer end of its interval are beyond the limit, so not by
chance alone; it ends when the value is no longer beyond. What was not measured changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlwright.alerts.alert import Alert
from mlwright.core.alert_rules import AlertRule
from mlwright.stats.intervals import Interval

from . import wording
from .check import Check
from .found import Found

_FEWEST_BEYOND = 5  # of the slowest requests, for a percentile to be more than chance
_KINDS = {
    "drifted_features": "data_drift",
    "error_rate": "high_error_rate",
    "p50": "high_latency",
    "p95": "high_latency",
    "p99": "high_latency",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule after a check: `alert` when it is broken, `ended` when it surely is not."""

    rule: AlertRule
    key: str
    alert: Alert | None
    ended: bool


def judge(
    rules: tuple[AlertRule, ...], found: Check, errors: Interval | None
) -> tuple[Judged, ...]:
    """Hold a check and the share of failed requests against each rule."""
    return hold(rules, found, measured(found, errors))


def hold(
    rules: tuple[AlertRule, ...], found: Found, values: Mapping[str, Interval]
) -> tuple[Judged, ...]:
    """Hold what a check measured, by measure, against each rule; latency is in seconds."""
    return tuple(_judge(rule, found, values) for rule in rules)


def measured(found: Check, errors: Interval | None) -> Mapping[str, Interval]:
    """Return what a check measured, by measure; latency in seconds."""
    values = {name: metric.current for name, metric in found.performance.metrics.items()}
    if found.estimate and found.estimate.reliable:
        values |= {f"estimated_{name}": v for name, v in found.estimate.metrics.items()}
    if found.current is not None:
        count = float(len(found.drifted))
        values["drifted_features"] = Interval(count, count, count, found.rows)
    for name, quantile in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        latency = found.latency_ms.get(name)
        if latency is not None and found.rows * (1 - quantile) >= _FEWEST_BEYOND:
            seconds = latency / 1000
            values[name] = Interval(seconds, seconds, seconds, found.rows)
    if errors is not None:
        values["error_rate"] = errors
    return values


def kind(rule: AlertRule) -> str:
    """Return the kind of alert that a rule brings."""
    return _KINDS.get(rule.measure, "performance_degradation")


def _judge(rule: AlertRule, found: Found, values: Mapping[str, Interval]) -> Judged:
    key = f"{found.environment}/{found.model}:rule/{rule.text}"
    value = values.get(rule.measure)
    if value is None:
        return Judged(rule, key, None, ended=False)
    if not rule.breaks(value.value):
        return Judged(rule, key, None, ended=True)
    sure = rule.breaks(value.low if rule.above else value.high)
    return Judged(rule, key, _alert(rule, found, value, key) if sure else None, ended=False)


def _alert(rule: AlertRule, found: Found, value: Interval, key: str) -> Alert:
    spread = f" ({rule.written(value.low)} to {rule.written(value.high)})"
    written = rule.written(value.value) + (spread if value.low < value.high else "")
    return Alert(
        kind=kind(rule),
        model=f"{found.model}:{found.version}" if found.version else found.model,
        environment=found.environment,
        what=_name(rule),
        value=f"{written}, n={value.n:,}",
        threshold=rule.text,
        causes=_causes(rule, found),
        action=_action(rule, found),
        key=key,
        time=found.time,
    )


def _name(rule: AlertRule) -> str:
    if rule.unit == "seconds":
        return f"{rule.measure} latency"
    return rule.measure.replace("_", " ") if rule.measure in _KINDS else _metric(rule)


def _metric(rule: AlertRule) -> str:
    return wording.metric_name(rule.measure)


def _causes(rule: AlertRule, found: Found) -> tuple[str, ...]:
    if kind(rule) in ("performance_degradation", "data_drift"):
        return found.causes
    causes = []
    if found.fallbacks:
        causes.append(f"{found.fallbacks:,} requests fell back from a candidate to the champion")
    causes.append("the model, its machine or what it waits for; the metrics tell them apart")
    return ("Ranked by what the check saw:", *causes)


def _action(rule: AlertRule, found: Found) -> str:
    if kind(rule) in ("performance_degradation", "data_drift"):
        reason = "data_drift_detected" if kind(rule) == "data_drift" else "performance_degraded"
        return f"mlwright retrain run --environment {found.environment} --reason {reason}"
    return f"mlwright status {found.environment}, then mlwright rollback {found.environment}"
