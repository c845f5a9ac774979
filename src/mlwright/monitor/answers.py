"""How good the answers in files are: of rows that bear a label beside what was predicted."""

from __future__ import annotations

import polars as pl

from mlwright.core.signature import Signature, Task

from .performance import (
    FEWEST_LABELS,
    MOST_LABELS,
    Performance,
    at_least,
    intervals,
    measure,
)
from .sources import Sample
from .truth import known

_MOST_CLASSES = 50
_BASELINE_LEVEL = 0.95
_TEXTS = ("key", "label", "prediction")


def performance(sample: Sample, reference: Sample, minimum: float | None) -> Performance:
    """Measure the rows, against those of the reference where it has labels and predictions too.

    Args:
        sample: the rows to judge.
        reference: the rows to compare with.
        minimum: an accuracy; surely below it is degraded, whatever the reference has.
    """
    now, before = _answered(sample), _answered(reference)
    signature = _signature(pl.concat([now["label"], before["label"]]))
    past = known(_scored(before, signature), signature)
    baseline: dict[str, dict[str, float]] = {}
    if len(past) >= FEWEST_LABELS:
        found = intervals(past.newest(MOST_LABELS), level=_BASELINE_LEVEL)
        baseline = {name: interval.to_json() for name, interval in found.items()}
    if minimum is not None and signature.task != "regression":
        baseline["accuracy"] = at_least(minimum)
    return measure(known(_scored(now, signature), signature), baseline, rows=sample.rows)


def _answered(sample: Sample) -> pl.DataFrame:
    """Return the rows with a label and a prediction, in the columns that a log has."""
    facts = sample.facts
    both = {"label", "prediction"} <= set(facts.columns)
    pairs = facts.drop_nulls(["label", "prediction"]) if both else facts.clear()
    wanted = {**dict.fromkeys(_TEXTS, pl.String), "time": pl.Float64, "score": pl.Float64}
    rows = pairs.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in wanted.items()
        if name not in pairs.columns
    ).select(
        pl.col(*_TEXTS).cast(pl.String),
        pl.col("time").cast(pl.Float64),
        pl.col("score").cast(pl.Float64, strict=False),
    )
    return rows.with_columns(told=pl.col("time"), request_id=pl.int_range(pl.len()).cast(pl.String))


def _signature(labels: pl.Series) -> Signature:
    """Return what the model must have answered: one of two classes, of several, or numbers."""
    values = labels.unique().sort().to_list()
    numeric = labels.cast(pl.Float64, strict=False).null_count() == 0
    if len(values) > _MOST_CLASSES and numeric:
        return Signature((), "regression", "label")
    task: Task = "binary" if len(values) <= 2 else "multiclass"
    return Signature((), task, "label", tuple(values))


def _scored(rows: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """Leave the score out where it is not surely the probability of the second of two classes.

    It is when the prediction is a threshold on it; a score may as well be how sure the model was
    of whatever it answered.
    """
    if signature.task != "binary" or len(signature.classes) != 2 or rows["score"].has_nulls():
        return rows.drop("score")
    positive = rows["prediction"] == str(signature.classes[1])
    above, below = rows["score"].filter(positive), rows["score"].filter(~positive)
    inside = rows["score"].is_between(0, 1).all()
    apart = len(above) and len(below) and below.max() < above.min()  # type: ignore[operator]
    return rows if inside and apart else rows.drop("score")
