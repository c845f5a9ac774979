"""A report of a period: the check, what changed since when, what it costs, and how it answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mlwright.core import clock
from mlwright.core.workspace import Workspace
from mlwright.predictions.labels import labelled, read_labels
from mlwright.predictions.reader import PREFIX
from mlwright.stats.arrays import FloatArray
from mlwright.stats.correlation import spearman
from mlwright.stats.intervals import Interval

from .begin import Begin, begin
from .check import Check, check
from .drift import Finding
from .live import Live, live
from .rows import Rows, read_rows, scores
from .service import Service, service
from .shift import Shift, moved, shift
from .trend import Trend, trend
from .truth import Known, known

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

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object: the check's keys, and those of each section."""
        return {
            **self.check.to_json(),
            "shifts": [found.to_json() for found in self.shifts],
            "concept": self.concept.to_json(),
            "trend": self.trend.to_json(),
            "service": self.service.to_json(),
        }


def report(
    workspace: Workspace,
    environment: str,
    *,
    since: float,
    until: float,
    say: Say = lambda _: None,
) -> Report:
    """Check a period of an environment and look closer at what was found.

    Raises:
        NotFound: there is no such environment, or nothing answers there.
        BundleError: the live version's bundle is damaged.
        SignatureError: the log holds what the model does not take.
    """
    found = check(workspace, environment, since=since, until=until, say=say)
    answering = live(workspace, environment)
    rows = read_rows(answering, since=since, until=until)
    judged = known(labelled(rows.window, read_labels(answering.log)), answering.bundle.signature)
    return Report(
        found,
        tuple(_shifts(found, answering, rows, judged)),
        _concept(answering, rows, judged),
        trend(judged, since=since, until=until),
        service(answering, rows, since=since, until=until),
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


def _shifts(found: Check, answering: Live, rows: Rows, judged: Known) -> list[Shift]:
    times = np.asarray(rows.table["time"].to_numpy(), dtype=np.float64)
    losses = judged.losses if len(judged) else np.empty(0)
    kinds = {column.name: column.kind for column in answering.bundle.signature.inputs}
    shifts = []
    for finding in found.findings:
        if not finding.drifted or finding.feature not in kinds:
            continue
        marked = [_marked(found, finding, table, kinds) for table in (rows.table, judged.table)]
        if marked[0] is None or marked[1] is None:
            continue
        now, labelled_now = marked
        shifts.append(shift(finding, now, times, known_marked=labelled_now, losses=losses))
    return shifts


def _marked(found: Check, finding: Finding, table: pl.DataFrame, kinds: dict[str, Any]) -> Any:
    name = finding.feature
    logged = PREFIX + name
    missing = pl.Series(logged, [None] * table.height, dtype=pl.Float64)
    values = table[logged] if logged in table.columns else missing
    if found.current is None:
        return None
    before, now = found.reference.columns[name], found.current.columns[name]
    return moved(finding, before, now, values, kinds[name])


def _concept(answering: Live, rows: Rows, judged: Known) -> Concept:
    times = np.asarray(rows.table["time"].to_numpy(), dtype=np.float64)
    if not len(times):
        return Concept(None, None, None)
    answers = _level(answering, rows.table)
    if not len(judged):
        return Concept(begin(times, answers), None, None)
    losses = judged.losses
    return Concept(begin(times, answers), begin(judged.times, losses), _together(judged, losses))


def _level(answering: Live, table: pl.DataFrame) -> FloatArray:
    """Return one number an answer: P(positive), the value, or the highest probability."""
    given = scores(table, answering.bundle.signature)
    return given if given.ndim == 1 else np.asarray(given.max(axis=1))


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
