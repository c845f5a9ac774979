"""A report of a period: the check, what changed since when, what it costs, and how it answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mlwright.core import clock
from mlwright.core.settings import Settings
from mlwright.core.workspace import Workspace
from mlwright.predictions.reader import PREFIX
from mlwright.stats.arrays import FloatArray
from mlwright.stats.correlation import spearman
from mlwright.stats.intervals import Interval

from .begin import Begin, begin
from .by_segment import OfSegment, by_segment
from .check import Check, verdict_of
from .compare import compare_seen
from .counted import level
from .drift import Finding
from .estimate import estimate, of_profile, of_rows
from .hours import keep, same_hours_before
from .joint import Joint
from .joint_kept import Kept, clearest, kept_joint
from .live import hidden_columns, live
from .performance import measured
from .period import Period, period
from .quality import of_log, of_time, of_volume
from .reference import of_bundle
from .service import Service, service
from .shift import Shift, shift
from .side import Side, side
from .slices import find_slices
from .trend import Trend, trend
from .truth import Known, told_in

Say = Callable[[str], None]
SPANS = 48


@dataclass(frozen=True, slots=True)
class Concept:
    """What the answers and the loss say: a changed level of each, and how they go together.

    `together` is the rank correlation, over spans of the period, of how far the mean answer lies
    from that of the period's beginning and the mean loss.
    """

    predictions: Begin | None
    loss: Begin | None
    together: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Return the concept drift as a JSON object."""
        return {
            "predictions": self.predictions.to_json() if self.predictions else None,
            "loss": self.loss.to_json() if self.loss else None,
            "correlation": self.together.to_json() if self.together else None,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report of a period says."""

    check: Check
    shifts: tuple[Shift, ...]
    concept: Concept
    trend: Trend
    service: Service
    joint: Kept = ()
    by_segment: tuple[OfSegment, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object: the check's keys, and those of each section."""
        return {
            **self.check.to_json(),
            "shifts": [found.to_json() for found in self.shifts],
            "concept": self.concept.to_json(),
            "trend": self.trend.to_json(),
            "service": self.service.to_json(),
            "by_segment": [one.to_json() for one in self.by_segment],
            "joint_over_time": [
                {"until": clock.iso(until), **joint.to_json()} for until, joint in self.joint
            ],
        }


def report(
    workspace: Workspace,
    environment: str,
    *,
    since: float,
    until: float,
    say: Say = lambda _: None,
) -> Report:
    """Say of a period what drifted, since when, and what it costs; read from the kept hours.

    The log itself is read where its hours are not counted yet. Nothing is told, and the newest
    check stays what it is.

    Raises:
        NotFound: there is no such environment, or nothing answers there.
        BundleError: the live version's bundle is damaged.
        SignatureError: the log holds what the model does not take.
    """
    answering = live(workspace, environment)
    keep(workspace, environment, say=say)
    seen = period(answering, since=since, until=until)
    say(f"{seen.rows:,} rows of {answering.model}:{answering.version}")
    judged = told_in(answering, since=seen.since, until=seen.until)
    together = kept_joint(workspace, environment, answering, since=seen.since, until=seen.until)
    found = check_of(seen, workspace.settings, environment, judged, clearest(together))
    return Report(
        found,
        tuple(_shifts(found, seen, judged)),
        _concept(seen, judged),
        trend(judged, since=seen.since, until=seen.until),
        service(seen),
        together,
        by_segment(seen, workspace.settings.monitor.segment, judged),
    )


def check_of(
    seen: Period,
    settings: Settings,
    environment: str,
    judged: Known,
    together: Joint | None = None,
) -> Check:
    """Compare a period with the live version's reference; joint drift is what a check found."""
    answering, now = seen.answering, clock.now()
    name = f"the training data of {answering.model}:{answering.version}"
    hidden = hidden_columns(answering, settings.log)
    against = of_bundle(answering.bundle, name).without(hidden)
    compared = compare_seen(
        seen.seen(without=hidden),
        against,
        answering.bundle.importance,
        settings.monitor,
        score=seen.total.score,
    )
    performance = measured(answering, judged, rows=seen.rows)
    fewest = settings.monitor.minimum_rows
    expected = of_profile(seen.total.score, answering.bundle, fewest=fewest)
    if not seen.kept:  # all rows are at hand, of several classes too
        expected = of_rows(seen.rest.table, answering.bundle, fewest=fewest)
    earlier = same_hours_before(answering, since=seen.since, until=seen.until)
    return Check(
        environment=environment,
        model=answering.model,
        version=answering.version,
        time=now,
        since=seen.since,
        until=seen.until,
        rows=seen.rows,
        skipped_rows=seen.left_out.get("damaged lines", 0),
        other_rows=seen.left_out.get("rows of other versions", 0),
        verdict=verdict_of(compared, performance, together),
        findings=compared.findings,
        performance=performance,
        latency_ms=seen.latency_ms,
        fallbacks=seen.fallbacks,
        policy=settings.monitor,
        reference=compared.reference,
        current=compared.current,
        quality=(
            *of_time(seen.times, until=seen.until, now=now, ahead=seen.rest.ahead),
            *of_volume(seen.rows, earlier),
            *of_log(hidden),
            *compared.quality,
        ),
        left_out=seen.left_out,
        compared_with=against.name,
        estimate=estimate(expected, answering.bundle, told=judged, quality=compared.quality),
        joint=together,
        slices=find_slices(judged, policy=settings.monitor),
    )


def write(made: Report, path: Path) -> tuple[Path, Path]:
    """Write the page, and the JSON beside it; return both paths.

    Raises:
        UserError: the page would be larger than 2 MB.
    """
    from .report_page import page

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".json")
    path.write_text(page(made), encoding="utf-8")
    beside.write_text(json.dumps(made.to_json(), indent=2, allow_nan=False), encoding="utf-8")
    return path, beside


def path_of(workspace: Workspace, environment: str, since: float, until: float) -> Path:
    """Return where the report of a period is kept when no other place is given."""
    days = [clock.iso(moment)[:10] for moment in (since, until)]
    return workspace.folder / "reports" / f"{environment}-{days[0]}-to-{days[1]}.html"


def _shifts(found: Check, seen: Period, judged: Known) -> Iterator[Shift]:
    losses = judged.losses if len(judged) else np.empty(0)
    moves = list(_moves(found, seen))
    hours = [
        [(time, *moved.share(columns[finding.feature])) for finding, moved in moves]
        for time, columns in seen.hourly({finding.feature for finding, _ in moves})
    ]
    for place, (finding, moved) in enumerate(moves):
        marks = moved.marks(_values(seen.rest.table, finding.feature))
        kept = [shares[place] for shares in hours]
        times, shares, rows = _together_in_time(kept, seen, marks.astype(np.float64))
        marked = moved.marks(_values(judged.table, finding.feature))
        yield shift(finding, times, shares, rows, marked=marked, losses=losses)


def _moves(found: Check, seen: Period) -> Iterator[tuple[Finding, Side]]:
    """Give what drifted, and the side to which it moved."""
    kinds = {column.name: column.kind for column in seen.answering.bundle.signature.inputs}
    for finding in found.findings:
        name = finding.feature
        if not finding.drifted or name not in kinds or found.current is None:
            continue
        before, now = found.reference.columns[name], found.current.columns[name]
        moved = side(finding, before, now, kinds[name])
        if moved is not None:
            yield finding, moved


def _values(table: pl.DataFrame, name: str) -> pl.Series:
    logged = PREFIX + name
    if logged in table.columns:
        return table[logged]
    return pl.Series(logged, [None] * table.height, dtype=pl.Float64)


def _together_in_time(
    hours: list[tuple[float, float, int]], seen: Period, of_rest: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return times, values and rows of the kept hours and the rest, in the order of time."""
    table = seen.rest.table
    kept = np.array([hour for hour in hours if hour[2]], dtype=np.float64).reshape(-1, 3)
    rest = np.column_stack([table["time"].to_numpy(), of_rest, np.ones(table.height)])
    rows = np.vstack([kept, rest])
    times, values, weights = rows[np.argsort(rows[:, 0], kind="stable")].T
    return times, values, weights


def _concept(seen: Period, judged: Known) -> Concept:
    if not seen.rows:
        return Concept(None, None, None)
    hours = [
        (time, column.mean, column.rows) for time, column in seen.levels if column.mean is not None
    ]
    of_rest = level(seen.rest.table, seen.answering.bundle.signature)
    times, answers, rows = _together_in_time(hours, seen, of_rest)
    predictions = begin(times, answers, weights=rows)
    if not len(judged):
        return Concept(predictions, None, None)
    losses = judged.losses
    return Concept(predictions, begin(judged.times, losses), _together(judged, losses))


def _together(judged: Known, losses: FloatArray) -> Interval | None:
    given = judged.scores
    answers = judged.predicted if given is None else given
    level = answers if answers.ndim == 1 else answers.max(axis=1)
    place = np.arange(len(level)) * SPANS // len(level)
    count = np.bincount(place)
    if count.min() < 5:
        return None
    means = np.bincount(place, level) / count
    quarter = means[: SPANS // 4].mean()
    return spearman(np.abs(means - quarter), np.bincount(place, losses) / count)
