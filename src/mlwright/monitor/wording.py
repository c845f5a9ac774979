"""The words of a check: its verdict as a sentence, and the parts of its alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.alerts.alert import Alert
from mlwright.core import clock
from mlwright.stats.intervals import Interval

from .drift import Finding
from .joint import JointTest
from .performance import FEWEST_LABELS, Metric

if TYPE_CHECKING:
    from .check import Check
    from .found import Found

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
        how = ", alone or together," if check.joint and check.joint.tests else ""
        return f"No drift in {features} features{how} over {rows}."
    if check.joint and check.joint.drifted and not any(f.drifted for f in check.findings):
        alone = f"; none of {features} features alone did," if features else ""
        return f"{together(check.joint.drifted[0])}{alone} over {rows}."
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
    elif check.current is None:
        parts.append(f"drift is not judged below {check.policy.minimum_rows:,} rows")
    if check.joint and check.joint.why:
        parts.append(f"joint drift is not judged: {check.joint.why}")
    if check.performance.verdict == "not_enough_data":
        parts.append(
            f"performance is not judged below {FEWEST_LABELS} labels ({check.labelled:,} known)"
        )
    else:
        parts.append(f"{check.performance.coverage:.0%} of the rows are labelled")
    return "; ".join(parts)


def alert_key(found: Found) -> str:
    """Return the key above all alerts of a check's model; a check that is ok resolves it."""
    return f"{found.environment}/{found.model}"


def alert_of(found: Check) -> Alert | None:
    """Return what someone has to be told of, or None; a degraded model goes before drift."""
    if found.verdict not in ("drift", "degraded"):
        return None
    kind = "performance_degradation" if found.verdict == "degraded" else "data_drift"
    what, value, threshold = measured(found)
    return Alert(
        kind=kind,
        model=f"{found.model}:{found.version}" if found.version else found.model,
        environment=found.environment,
        what=what,
        value=value,
        threshold=threshold,
        causes=found.causes,
        action=action(found),
        key=f"{alert_key(found)}/{found.version}/{kind}",
        time=found.time,
    )


def measured(check: Check) -> tuple[str, str, str]:
    """Return what an alert measures, its value with the interval, and the threshold."""
    loss = check.performance.loss
    if loss and loss.risen:
        now = _spread(loss.metric, loss.current) if loss.current else "higher"
        return metric_name(loss.metric), now, _number(loss.metric, loss.limit)
    if check.verdict == "degraded":
        name, metric = next(iter(worse(check).items()))
        return metric_name(name), _spread(name, metric.current), _limit(name, metric)
    first = next((finding for finding in check.findings if finding.drifted), None)
    if first is None:
        return _measured_together(check)
    value = f"{first.effect:.2f}"
    if first.interval:
        value += f" ({first.interval.low:.2f} to {first.interval.high:.2f})"
    where = f"{_WHERE[first.kind]}{first.feature}"
    return "Drift", f"{value} in {where}", f"{check.policy.effect_floor:g}"


def causes(check: Check) -> tuple[str, ...]:
    """Return the likely cause: a sentence, then the features it names, ranked."""
    drifted = [f for f in check.findings if f.drifted and f.kind != "prediction_drift"]
    if not drifted:
        if check.joint and check.joint.drifted:
            return tuple(map(together, check.joint.drifted))
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


def together(test: JointTest) -> str:
    """Return what a test of joint drift found, as words."""
    if test.kind == "text_drift":
        words = _named([f"“{word.word}”" for word in test.words])
        return f"The words of {test.feature} drifted" + (f": {words}" if words else "")
    if test.kind == "vector_drift":
        return f"The vectors of {test.feature} drifted"
    names = _named([part.feature for part in test.features])
    return f"Features drifted together: {names}" if names else "Features drifted together"


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


def _measured_together(check: Check) -> tuple[str, str, str]:
    test = check.joint.drifted[0]  # type: ignore[union-attr]
    low, high = (max(0.0, 2 * end - 1) for end in (test.auc.low, test.auc.high))
    kind = test.kind.partition("_")[0]
    where = f"the {kind} {test.feature}" if test.feature else "features together"
    value = f"{test.effect:.2f} ({low:.2f} to {high:.2f}) in {where}"
    return "Drift", value, f"{check.policy.effect_floor:g}"


def _cause(finding: Finding) -> str:
    what = "missing values, PSI" if finding.kind == "missing_values" else "PSI"
    return f"{finding.feature} ({what}: {finding.psi:.2f})"


def _spread(name: str, value: Interval) -> str:
    low, high = _number(name, value.low), _number(name, value.high)
    return f"{_number(name, value.value)} ({low} to {high})"


def _limit(name: str, metric: Metric) -> str:
    """Return the end of the baseline's interval that the metric must not fall behind."""
    baseline = metric.baseline or metric.current
    higher = metric.current.value < baseline.value
    return _number(name, baseline.low if higher else baseline.high)


def _number(name: str, value: float) -> str:
    return f"{value:.4g}" if name in _IN_UNITS else f"{value:.1%}"


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
