"""A check of rows that lie in files, where no environment of ours answers."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from mlwright.core import clock
from mlwright.core.errors import DataError
from mlwright.core.settings import Monitor
from mlwright.core.signature import Signature, Task

from .check import Check, verdict_of
from .compare import compare
from .performance import Performance, at_least, measure
from .quality import of_time
from .reference import of_sample
from .sources import Sample, Source
from .truth import known

Say = Callable[[str], None]

FILES = "files"
_MOST_CLASSES = 50
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
        minimum_accuracy: of rows with a label and a prediction; surely below it is degraded.
        segment: a column whose values are compared each by itself.
        say: told a line of progress a step.

    Raises:
        DataError: a source cannot be read, or the two have no column in common.
    """
    now = clock.now()
    sample = source.sample(since=since, until=until)
    say(f"{sample.rows:,} rows of {source.name}")
    against = of_sample(reference.sample(), reference.name, say=say)
    if not {column.name for column in against.columns} & set(sample.features) and sample.rows:
        raise DataError(
            f"{source.name} and {reference.name} have no column in common",
            hint=f"name the columns by --columns MAP.yaml; {source.name} has: "
            + ", ".join(sample.features[:10]),
        )
    compared = compare(sample, against, {}, policy, segment=segment)
    times = sample.facts["time"].drop_nulls() if "time" in sample.facts.columns else None
    has_times = times is not None and len(times) > 0
    first = since if since is not None else float(times.min()) if has_times else now  # type: ignore[arg-type, union-attr]
    last = until if until is not None else float(times.max()) if has_times else now  # type: ignore[arg-type, union-attr]
    ahead = int((times > now + 60).sum()) if has_times and times is not None else 0
    performance = _performance(sample, minimum_accuracy)
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
        verdict=verdict_of(compared, performance),
        findings=compared.findings,
        performance=performance,
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
    )


def _plain(times: pl.Series | None) -> pl.Series:
    return pl.Series("time", [], pl.Float64) if times is None else times


def _latency(facts: pl.DataFrame) -> dict[str, float | None]:
    if "latency_ms" not in facts.columns:
        return dict.fromkeys(_POINTS)
    values = facts["latency_ms"].cast(pl.Float64, strict=False).drop_nulls()
    return {name: values.quantile(at, "higher") for name, at in _POINTS.items()}


def _performance(sample: Sample, minimum: float | None) -> Performance:
    """Measure rows that bear both a label and a prediction, against the least accuracy."""
    facts = sample.facts
    both = {"label", "prediction"} <= set(facts.columns)
    pairs = facts.drop_nulls(["label", "prediction"]) if both else facts.clear()
    wanted = {"key": pl.String, "label": pl.String, "prediction": pl.String, "time": pl.Float64}
    told = pairs.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in wanted.items()
        if name not in pairs.columns
    ).with_columns(pl.col("label", "prediction").cast(pl.String), told=pl.col("time"))
    signature = _signature(told["label"])
    answered = [
        (pl.col("prediction") == str(label)).cast(pl.Float64) for label in signature.classes
    ]
    several = signature.task == "multiclass"
    told = told.with_columns(
        score=pl.concat_list(answered) if several else answered[-1] if answered else pl.lit(0.0),
        request_id=pl.int_range(pl.len()).cast(pl.String),
    )
    baseline: dict[str, dict[str, float]] = {}
    if minimum is not None and signature.task != "regression":
        baseline["accuracy"] = at_least(minimum)
    usable = known(told, signature)
    return measure(usable, baseline, rows=sample.rows, loss=None, judged=True)


def _signature(labels: pl.Series) -> Signature:
    """Return what the model must have answered: one of two classes, of several, or numbers."""
    values = labels.unique().sort().to_list()
    numeric = labels.cast(pl.Float64, strict=False).null_count() == 0
    if len(values) > _MOST_CLASSES and numeric:
        return Signature((), "regression", "label")
    task: Task = "binary" if len(values) <= 2 else "multiclass"
    return Signature((), task, "label", tuple(values))
