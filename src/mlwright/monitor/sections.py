"""A check as sections of a report."""

from __future__ import annotations

from collections.abc import Iterator

from mlwright.core import clock
from mlwright.profile.profile import CategoryProfile, ColumnProfile, NumberProfile, Profile
from mlwright.report import figures
from mlwright.report.page import Cell, Figure, Items, Section, Table, Text, Tiles, Tone

from .check import Check
from .drift import Finding, category_counts
from .estimate import CONDITION
from .joint_page import of_joint
from .slices_page import of_moved, of_weak
from .wording import metric_name

_MOST = 6
_TONES: dict[str, Tone] = {
    "ok": "good",
    "drift": "bad",
    "degraded": "bad",
    "not_enough_data": "unsure",
}
_METHODS = {"ks": "KS", "chi_squared": "chi-squared"}
_KINDS = {
    "data_drift": "values",
    "missing_values": "missing values",
    "prediction_drift": "predictions",
}


def sections(check: Check) -> tuple[Section, ...]:
    """Return the verdict, then what drifted and how it looks, then the performance."""
    lead = Section(
        f"{check.environment}: check of {check.model}:{check.version}",
        check.sentence,
        _TONES[check.verdict],
        (
            _tiles(check),
            Text(f"From {clock.iso(check.since)} to {clock.iso(check.until)}."),
            Text(f"How sure: {check.sensitivity}."),
        ),
    )
    alone, together = _drift(check), of_joint(check.joint)
    single = any(finding.drifted for finding in check.findings)
    drift = (*alone, *together) if single else (*together, *alone)
    return (
        lead,
        *drift,
        *of_moved(check.slices),
        *_quality(check),
        *_performance(check),
        *of_weak(check.slices),
        *_estimate(check),
    )


def _quality(check: Check) -> list[Section]:
    left_out = [f"left out: {count:,} {why}" for why, count in check.left_out.items()]
    said = [*(one.words for one in check.quality), *left_out]
    said += [
        f"in {one.value} ({one.rows:,} rows) drifted: {', '.join(one.drifted)}"
        for one in check.segments
        if one.drifted
    ]
    return [Section("State of the data", parts=[Items(said)])] if said else []


def _tiles(check: Check) -> Tiles:
    latency = check.latency_ms["p95"]
    values: dict[str, Cell] = {
        "rows": check.rows,
        "labelled": check.labelled,
        "p95 latency, ms": latency,
    }
    left_out = {
        "damaged lines": check.skipped_rows,
        "rows of other versions": check.other_rows,
        "fallbacks": check.fallbacks,
        "unknown labels": check.performance.strange,
    }
    return Tiles({**values, **{name: count for name, count in left_out.items() if count}})


def _drift(check: Check) -> list[Section]:
    if not check.findings:
        return []
    rows: list[list[Cell]] = [
        [
            f.feature,
            _KINDS[f.kind],
            _METHODS[f.method],
            f.interval or f.effect,
            f.p_value,
            f.psi,
            f.importance,
        ]
        for f in check.findings
    ]
    table = Table(
        ["feature", "what", "test", "effect", "p", "PSI", "importance"],
        rows,
        caption="What drifted first, then by effect times importance of the feature.",
        marked=frozenset(i for i, finding in enumerate(check.findings) if finding.drifted),
    )
    return [Section("Drift", parts=[table, *_drawings(check)])]


def _drawings(check: Check) -> list[Figure]:
    first: dict[str, Finding] = {}
    for finding in check.findings:
        if finding.drifted:
            first.setdefault(finding.feature, finding)
    return [drawing for finding in first.values() for drawing in _drawing(check, finding)][:_MOST]


def _drawing(check: Check, finding: Finding) -> Iterator[Figure]:
    before, now = _column(check.reference, finding), _column(check.current, finding)
    caption = f"{finding.feature}: effect {finding.effect:.2f}"
    if isinstance(before, NumberProfile) and isinstance(now, NumberProfile):
        if finding.kind == "missing_values":
            counts = [[part.rows, part.nulls] for part in (before, now)]
            yield _bars(["(a number)", "(missing)"], counts, finding, caption)
            return
        if before.mean is not None and now.mean is not None:
            caption += f", mean {before.mean:.4g} in the reference and {now.mean:.4g} now"
        svg = figures.numbers(before.edges, before.counts, now.counts, label=finding.feature)
        yield Figure(svg, f"{caption}.")
    elif isinstance(before, CategoryProfile) and isinstance(now, CategoryProfile):
        names = [*before.counts, "(others)", "(missing)"]
        counts = [category_counts(part, before) for part in (before, now)]
        yield _bars(names, counts, finding, caption)


def _bars(names: list[str], counts: list[list[int]], finding: Finding, caption: str) -> Figure:
    svg = figures.categories(names, counts[0], counts[1], label=finding.feature)
    return Figure(svg, f"{caption}.")


def _column(profile: Profile | None, finding: Finding) -> ColumnProfile | None:
    if profile is None:
        return None
    if finding.kind == "prediction_drift":
        return profile.score
    return profile.columns[finding.feature]


def _performance(check: Check) -> list[Section]:
    performance = check.performance
    if not performance.metrics:
        return []
    rows: list[list[Cell]] = [
        [metric_name(name), metric.current, metric.baseline]
        for name, metric in performance.metrics.items()
    ]
    table = Table(
        ["metric", "now (99%)", "when trained (95%)"],
        rows,
        marked=frozenset(i for i, m in enumerate(performance.metrics.values()) if m.worse),
    )
    degraded = performance.verdict == "degraded"
    words = (
        "Worse than when trained, beyond doubt."
        if degraded
        else "Nothing is worse than when trained beyond doubt."
    )
    return [Section("Performance", words, "bad" if degraded else "good", [table])]


def _estimate(check: Check) -> list[Section]:
    found = check.estimate
    if found is None:
        return []
    metrics = check.performance.metrics
    rows: list[list[Cell]] = [
        [metric_name(name), value, metrics[name].current if name in metrics else None]
        for name, value in found.metrics.items()
    ]
    table = Table(
        ["metric", "estimated (99%)", "measured (99%)"],
        rows,
        caption="From the model's own probabilities. The interval is of what labels of these rows "
        "would show, were the probabilities right.",
    )
    condition = Text(f"On a condition: {CONDITION}.")
    title = "Estimated without labels"
    if found.reliable:
        words = "What labels would show, if nothing but the inputs has changed."
        return [Section(title, words, "plain", [condition, table])]
    return [Section(title, "Unreliable here.", "unsure", [Items(found.doubts), condition, table])]
