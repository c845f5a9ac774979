"""A check of rows that lie in files, where no environment of ours answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from mlwright.core import clock
from mlwright.core.errors import DataError
from mlwright.core.settings import Monitor

from .answers import performance
from .check import Check, drift_of, verdict_of
from .compare import compare, where
from .joint import of_columns
from .joint_tests import joint
from .quality import of_time
from .reference import of_sample
from .rows import SKEW
from .slices import find_slices
from .sources import Sample, Source

Say = Callable[[str], None]

FILES = "files"
_POINTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def check_files(
    source: Source,
    reference: Source,
    policy: Monitor,
    *,
    since: float | None = None,
    until: float | None = None,
    minimum_accuracy: float | None = None,
    segment: str | None = None,
    say: Say = lambda _: None,
) -> Check:
    """Compare rows with reference rows; features are the columns that the reference has.

    Args:
        source: the rows to check.
        reference: the rows they are compared with, such as the training data.
        policy: when to speak of drift.
        since: the window's start; all rows where neither end is given.
        until: the window's end, not included.
        minimum_accuracy: of rows with a label and a prediction; surely below it is degraded. Their
            other metrics are compared with those of the reference, where it has both too.
        segment: a column whose values are compared each by itself.
        say: told a line of progress a step.

    Raises:
        DataError: a source cannot be read, or the two have no column in common.
    """
    now = clock.now()
    sample, ahead = _until_now(source.sample(since=since, until=until), now)
    say(f"{sample.rows:,} rows of {source.name}")
    rows = reference.sample()
    against = of_sample(rows, reference.name, lists=policy.joint, say=say)
    compared_names = {column.name for column in against.columns}
    if policy.joint and against.sample is not None:
        compared_names |= set(against.sample.features)
    if not compared_names & set(sample.features) and sample.rows:
        raise DataError(
            f"{source.name} and {reference.name} have no column in common",
            hint=f"name the columns by --columns MAP.yaml; {source.name} has: "
            + ", ".join(sample.features[:10]),
        )
    compared = compare(sample, against, {}, of_columns(policy), segment=segment)
    together = joint(sample, against, {}, policy)
    times = sample.facts["time"].drop_nulls() if "time" in sample.facts.columns else None
    has_times = times is not None and len(times) > 0
    first = since if since is not None else float(times.min()) if has_times else now  # type: ignore[arg-type, union-attr]
    last = until if until is not None else float(times.max()) if has_times else now  # type: ignore[arg-type, union-attr]
    answered = performance(sample, rows, minimum_accuracy)
    return Check(
        environment=FILES,
        model=source.name,
        version=0,
        time=now,
        since=first,
        until=last,
        rows=sample.rows,
        skipped_rows=sample.left_out.get("damaged lines", 0),
        other_rows=0,
        verdict=verdict_of(compared, answered, together),
        findings=compared.findings,
        performance=answered,
        latency_ms=_latency(sample.facts),
        fallbacks=0,
        policy=policy,
        reference=compared.reference,
        current=compared.current,
        quality=(
            *of_time(_plain(times), until=last, now=now, ahead=ahead),
            *compared.quality,
        ),
        left_out=sample.left_out,
        compared_with=reference.name,
        same_hours=compared.same_hours,
        segments=compared.segments,
        dated=times is not None,
        joint=together,
        slices=find_slices(
            None, sample, against, drifted=drift_of(compared, together), policy=policy
        ),
    )


def _until_now(sample: Sample, now: float) -> tuple[Sample, int]:
    """Leave out rows that bear a time more than a minute from now on, and count them."""
    if "time" not in sample.facts.columns:
        return sample, 0
    late = (sample.facts["time"] > now + SKEW).fill_null(False)
    ahead = int(late.sum())
    if not ahead:
        return sample, 0
    left_out = {**sample.left_out, "rows ahead of this clock": ahead}
    return replace(where(sample, ~late), left_out=left_out), ahead


def _plain(times: pl.Series | None) -> pl.Series:
    return pl.Series("time", [], pl.Float64) if times is None else times


def _latency(facts: pl.DataFrame) -> dict[str, float | None]:
    if "latency_ms" not in facts.columns:
        return dict.fromkeys(_POINTS)
    values = facts["latency_ms"].cast(pl.Float64, strict=False).drop_nulls()
    return {name: values.quantile(at, "higher") for name, at in _POINTS.items()}
