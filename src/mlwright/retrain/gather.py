"""What a challenger learns from: labelled rows of the log, history, and what each row weighs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mlwright.core.errors import ConfigError
from mlwright.core.settings import Log, Settings
from mlwright.core.signature import Signature
from mlwright.data.schema import conform
from mlwright.data.target import as_labels
from mlwright.monitor.hours import answered
from mlwright.monitor.live import Live, hidden_columns
from mlwright.predictions import truths
from mlwright.predictions.reader import PREFIX
from mlwright.stats.arrays import BoolArray, FloatArray

from .origin import Origin, shares
from .result import Asked
from .rows import Rows, divide, history_weight
from .window import look


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """The rows of history and the recent ones, in one table; `recent` marks these (n,)."""

    table: pl.DataFrame
    weights: FloatArray
    recent: BoolArray
    mix: dict[str, float]


def gather(answering: Live, settings: Settings, asked: Asked) -> tuple[Rows, dict[str, Any]]:
    """Return the labelled rows of the window, divided, and what was seen of them before.

    Raises:
        ConfigError: the log leaves out a column of the model.
        DataError: there are too few labelled rows, or the window is broken.
    """
    signature = answering.bundle.signature
    _check_logged(answering, settings.log)
    labelled = truths.read(answering.log, since=asked.since, until=asked.until)
    table = _features(labelled.filter(pl.col("told") <= asked.told), signature)
    how = settings.retrain
    rows = divide(table, newest_share=how.newest_share, minimum=how.minimum_rows)
    count = answered(answering.log, since=asked.since, until=asked.until)
    return rows, look(table, answering.bundle, how, rows=count).to_json()


def lessons(rows: Rows, past: pl.DataFrame, origin: Origin, signature: Signature) -> Lessons:
    """Put recent rows beside those of history, which as a whole count no more than they do."""
    weight = history_weight(rows.recent.height, past.height)
    mix = {
        "recent_rows": rows.recent.height,
        "history_rows": past.height,
        "history_weight": weight,
        "judging_rows": rows.judging.height,
        "left_out": rows.left_out,
    }
    history, recent = typed(past, signature), typed(rows.recent, signature)
    return Lessons(
        pl.concat([history, recent]),
        np.append(weight * shares(past, origin.choices), np.ones(recent.height)),
        np.repeat([False, True], [history.height, recent.height]),
        mix,
    )


def typed(table: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """Return the model's columns and target in the types that rows of log and table share."""
    fitted = conform(table, signature, target=True)
    target = fitted[signature.target]
    if signature.task == "regression":
        return fitted.with_columns(target.cast(pl.Float64, strict=False))
    return fitted.with_columns(as_labels(target).cast(pl.String))


def _features(labelled: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    sent = {name: PREFIX + name for name in signature.names}
    return labelled.select(
        "time",
        "request_id",
        "key",
        *(pl.col(column).alias(name) for name, column in sent.items() if column in labelled),
        pl.col("label").alias(signature.target),
    )


def _check_logged(answering: Live, log: Log) -> None:
    hidden = hidden_columns(answering, log)
    if hidden:
        raise ConfigError(
            f"there is nothing to learn {hidden[0]} from: the log leaves it out, or hashes it",
            hint="take it out of log.leave_out and log.hash in mlwright.yaml, or train from a file "
            "with mlwright train",
        )
