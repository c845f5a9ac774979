"""A report of a period of questions: the check, its course over time, and what was refused most."""

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
from mlwright.predictions import query_log
from mlwright.predictions.lines import Outcome
from mlwright.predictions.outcomes import STEM
from mlwright.predictions.tail import Tail
from mlwright.stats.clustered import share
from mlwright.stats.intervals import Interval, wilson
from mlwright.stats.word_shift import FEWEST_WITH_A_WORD

from ..live import Live, live
from .check import QueryCheck, look
from .figures import units

Say = Callable[[str], None]

FEWEST_CALLERS = FEWEST_WITH_A_WORD
"""Callers who asked a question before its words are shown, so that they are no single caller's."""

_HOUR = 3600.0
_MOST_POINTS = 60
_MOST_REFUSED = 10


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the period, from `since` on; `p95_ms` and `refusals` are None of no question."""

    since: float
    queries: int
    p95_ms: float | None
    refusals: Interval | None


@dataclass(frozen=True, slots=True)
class QueryReport:
    """Everything that a report of questions says.

    `spans` are `width` seconds each; `refused` are the questions that were refused most often and
    by how many callers, of those that enough callers asked.
    """

    check: QueryCheck
    width: float
    spans: tuple[Span, ...]
    refused: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object: the check's keys, and those of the report."""
        return {
            **self.check.to_json(),
            "spans": [
                {
                    "since": clock.iso(span.since),
                    "queries": span.queries,
                    "p95_ms": span.p95_ms,
                    "refusals": span.refusals.to_json() if span.refusals else None,
                }
                for span in self.spans
            ],
            "refused": [{"question": text, "callers": count} for text, count in self.refused],
        }


def report_queries(
    workspace: Workspace,
    environment: str,
    *,
    since: float,
    until: float,
    say: Say = lambda _: None,
) -> QueryReport:
    """Say of a period how questions were answered. Nothing is told or kept.

    Raises:
        NotFound: there is no such environment, or nothing answers there.
        BundleError: the live version's bundle is damaged.
    """
    answering = live(workspace, environment)
    found = look(
        workspace,
        environment,
        answering,
        since=since,
        until=until,
        policy=workspace.settings.monitor,
        errors=_errors(answering, since, until),
    )
    say(found.sentence)
    table = query_log.read(answering.log, since=since, until=until).queries
    table = table.filter(pl.col("model") == answering.model)
    hours = max(1.0, np.ceil((until - since) / _HOUR))
    width = _HOUR * float(np.ceil(hours / _MOST_POINTS))
    return QueryReport(found, width, _spans(table, since, until, width), _refused(table))


def write(made: QueryReport, path: Path) -> tuple[Path, Path]:
    """Write the page, and the JSON beside it; return both paths."""
    from .page import page

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".json")
    path.write_text(page(made), encoding="utf-8")
    beside.write_text(json.dumps(made.to_json(), indent=2, allow_nan=False), encoding="utf-8")
    return path, beside


def _errors(answering: Live, since: float, until: float) -> Interval | None:
    told = Tail(answering.log, STEM, Outcome, since=since).new()
    mine = [outcome.ok for outcome in told if since <= outcome.time < until]
    return wilson(mine.count(False), len(mine)) if mine else None


def _spans(table: pl.DataFrame, since: float, until: float, width: float) -> tuple[Span, ...]:
    place = ((table["time"] - since) // width).cast(pl.Int64)
    made = []
    for number in range(int(np.ceil((until - since) / width))):
        rows = table.filter(place == number)
        answers = rows.filter(pl.col("answer") != "retrieval")
        refused = (answers["answer"] == "unknown").cast(pl.Float64).to_numpy()
        made.append(
            Span(
                since + number * width,
                rows.height,
                rows["latency_ms"].quantile(0.95, "higher"),
                share(refused, units(answers)).interval if answers.height else None,
            )
        )
    return tuple(made)


def _refused(table: pl.DataFrame) -> tuple[tuple[str, int], ...]:
    with_unit = table.with_columns(pl.Series("unit", units(table), pl.Int64))
    unknown = with_unit.filter((pl.col("answer") == "unknown") & pl.col("query").is_not_null())
    asked = (
        unknown.group_by(pl.col("query").str.to_lowercase().str.strip_chars())
        .agg(pl.col("unit").n_unique().alias("callers"))
        .filter(pl.col("callers") >= FEWEST_CALLERS)
        .sort(["callers", "query"], descending=[True, False])
    )
    return tuple(asked.head(_MOST_REFUSED).iter_rows())
