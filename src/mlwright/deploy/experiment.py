"""What an A/B test has found: metrics of both versions, by unit, from the logs of its release.

The unit is the routing key with all its requests; a request without a key is a unit of its own.
A unit counts to the version that it was assigned to, also where the other answered in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlwright.core.errors import ConfigError, did_you_mean
from mlwright.core.signature import Signature
from mlwright.predictions.lines import Measure, Outcome
from mlwright.predictions.outcomes import OutcomeReader
from mlwright.predictions.tail import Tail
from mlwright.stats.design import Difference, ratio, ratio_difference
from mlwright.stats.discovery import benjamini_hochberg, e_benjamini_hochberg
from mlwright.stats.intervals import Interval

LATENCY, ERRORS = "latency", "error_rate"
_LABELLED: Final = ("accuracy", "precision", "recall", "mae")
_PREDICTED: Final = ("positive_rate", "prediction_mean")
KNOWN: Final = (LATENCY, ERRORS, *_LABELLED, *_PREDICTED)
LOWER_IS_BETTER: Final = frozenset((LATENCY, ERRORS, "mae"))
UNDIRECTED: Final = frozenset(_PREDICTED)
ALPHA: Final = 0.05
_SLICES: Final = 5  # values of a column that are looked at apart
_LEAST: Final = 100  # units of a slice


@dataclass(frozen=True, slots=True)
class Row:
    """One request of the experiment, with what is known of it."""

    unit: str
    second: bool
    values: Mapping[str, tuple[float, float]]
    slices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Answered:
    prediction: str | None = None
    latency_ms: float | None = None
    slices: tuple[tuple[str, str], ...] = ()


_NOTHING: Final = _Answered()


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of both versions. `better` is whether B beats A; None where that is not known."""

    metric: str
    a: Interval
    b: Interval
    difference: Interval
    log_e: float
    p_value: float
    found: bool = False

    @property
    def better(self) -> bool | None:
        """Return whether the second is better, worse, or whether neither is shown."""
        if not self.found or self.metric in UNDIRECTED:
            return None
        return (self.difference.value < 0) == (self.metric in LOWER_IS_BETTER)

    @property
    def word(self) -> str:
        """Say what was found."""
        if self.found and self.better is None:
            return "they differ"
        return {True: "B is better", False: "B is worse", None: "no difference shown"}[self.better]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a JSON object."""
        return {
            "metric": self.metric,
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "difference": self.difference.to_json(),
            "log_e_value": self.log_e,
            "p_value": self.p_value,
            "different": self.found,
            "better": self.better,
        }


def checked_metrics(names: Sequence[str], signature: Signature) -> tuple[str, ...]:
    """Return the metrics that can be measured of a model; other names are values to be told.

    Raises:
        ConfigError: none is named, or one is not of this kind of model.
    """
    if not names:
        raise ConfigError("name at least one metric", hint=f"known: {', '.join(KNOWN)}")
    for name in names:
        binary = name in ("precision", "recall", "positive_rate")
        number = name in ("mae", "prediction_mean")
        wrong = (binary and signature.task != "binary") or (
            (number and signature.task != "regression")
            or (name == "accuracy" and signature.task == "regression")
        )
        near = did_you_mean(name, KNOWN)
        if wrong or (name not in KNOWN and near):
            raise ConfigError(
                f"{name!r} is no metric of a {signature.task} model{'' if wrong else near}",
                hint=f"known: {', '.join(KNOWN)}; other names are values that you tell",
            )
    return tuple(names)


def compare(
    rows: Sequence[Row], metrics: Sequence[str], *, ended: bool, tuned_at: float
) -> list[Compared]:
    """Compare each metric, and say of which a difference is found at a false-discovery rate of 5%.

    While it runs by e-values, which may be looked at at any time; once it `ended` as it was meant
    to, by p-values. A metric with too few units yet is left out.
    """
    made = [each for name in metrics if (each := _compare(rows, name, ended, tuned_at))]
    if not made:
        return []
    if ended:
        found = benjamini_hochberg([each.p_value for each in made], ALPHA)
    else:
        found = e_benjamini_hochberg([each.log_e for each in made], ALPHA)
    return [replace(each, found=bool(is_found)) for each, is_found in zip(made, found, strict=True)]


def segments(
    rows: Sequence[Row], metrics: Sequence[str], *, ended: bool, tuned_at: float
) -> list[tuple[str, str, Compared]]:
    """Compare the first metric within the commonest values of each column, with one correction."""
    counts: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        for column, value in row.slices:
            counts.setdefault(column, {}).setdefault(value, set()).add(row.unit)
    parts: list[tuple[str, str, Compared]] = []
    for column, values in sorted(counts.items()):
        largest = sorted(values, key=lambda value: -len(values[value]))[:_SLICES]
        for value in largest if len(values) > 1 else ():
            if len(values[value]) < _LEAST:
                continue
            inside = [row for row in rows if (column, value) in row.slices]
            if made := _compare(inside, metrics[0], ended, tuned_at):
                parts.append((column, value, made))
    if not parts:
        return []
    logs = [made.log_e for _, _, made in parts]
    p_values = [made.p_value for _, _, made in parts]
    found = benjamini_hochberg(p_values, ALPHA) if ended else e_benjamini_hochberg(logs, ALPHA)
    return [
        (column, value, replace(made, found=bool(is_found)))
        for (column, value, made), is_found in zip(parts, found, strict=True)
    ]


def _compare(rows: Sequence[Row], metric: str, ended: bool, tuned_at: float) -> Compared | None:
    sums: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    for row in rows:
        if metric in row.values:
            above, below = row.values[metric]
            unit = sums[row.second].setdefault(row.unit, [0.0, 0.0])
            unit[0] += above
            unit[1] += below
    first, second = (np.array(list(each.values())).reshape(-1, 2) for each in sums)
    if min(len(first), len(second)) < 2 or min(first[:, 1].sum(), second[:, 1].sum()) <= 0:
        return None
    found: Difference = ratio_difference(first[:, 0], first[:, 1], second[:, 0], second[:, 1])
    shown = found.fixed(alpha=ALPHA) if ended else found.sequence(alpha=ALPHA, tuned_at=tuned_at)
    return Compared(
        metric,
        ratio(first[:, 0], first[:, 1]),
        ratio(second[:, 0], second[:, 1]),
        shown,
        found.log_e(tuned_at=tuned_at, alpha=ALPHA),
        found.p_value,
    )


def read_rows(
    folder: Path, release: int, signature: Signature, metrics: Sequence[str], *, since: float
) -> list[Row]:
    """Read the requests of an experiment from the logs of its environment."""
    from mlwright.predictions import reader
    from mlwright.predictions.labels import read_labels

    outcomes = {each.request_id: each for each in OutcomeReader(folder, release).new()}
    told = _told(folder, metrics, since)
    labels = dict(read_labels(folder).select("request_id", "label").iter_rows())
    table = reader.read(folder, since=since).table
    columns = [c.name for c in signature.inputs if c.kind in ("category", "boolean")]
    names = [name for c in columns if (name := reader.PREFIX + c) in table.columns]
    answered: dict[str, _Answered] = {}
    wanted = ("request_id", "prediction", "latency_ms", "route", *names)
    for request, prediction, latency, route, *values in table.select(*wanted).iter_rows():
        sliced = tuple(
            (name.removeprefix(reader.PREFIX), str(value))
            for name, value in zip(names, values, strict=True)
            if value is not None
        )
        found = _Answered(prediction, latency if route != "fallback" else None, sliced)
        answered[request.removesuffix("-0")] = found
    return [
        Row(
            outcome.key or request,
            outcome.candidate,
            dict(
                _values(
                    outcome,
                    answered.get(request, _NOTHING),
                    labels.get(request, labels.get(f"{request}-0")),
                    told.get(request, {}),
                    signature,
                )
            ),
            answered.get(request, _NOTHING).slices,
        )
        for request, outcome in outcomes.items()
    ]


def _told(folder: Path, metrics: Sequence[str], since: float) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    if all(name in KNOWN for name in metrics):
        return found
    for line in Tail(folder, "measures", Measure, since=since).new():
        found.setdefault(line.request_id.removesuffix("-0"), {})[line.measure] = line.value
    return found


def _values(
    outcome: Outcome,
    answer: _Answered,
    label: str | None,
    told: Mapping[str, float],
    signature: Signature,
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Give each metric's part above and below the line."""
    # In the worker that predicted, without the way to it; for a failure what was waited for it.
    yield LATENCY, (outcome.latency_ms if answer.latency_ms is None else answer.latency_ms, 1.0)
    yield ERRORS, (float(not outcome.ok), 1.0)
    for name, value in told.items():
        yield name, (value, 1.0)
    if answer.prediction is None:
        return
    read = _number if signature.task == "regression" else _class
    yield from read(answer.prediction, label, str(signature.positive))


def _class(
    prediction: str, label: str | None, positive: str
) -> Iterator[tuple[str, tuple[float, float]]]:
    is_positive = float(prediction == positive)
    yield "positive_rate", (is_positive, 1.0)
    if label is None:
        return
    right, truly = float(prediction == label), float(label == positive)
    yield "accuracy", (right, 1.0)
    yield "precision", (right * is_positive, is_positive)
    yield "recall", (right * truly, truly)


def _number(
    prediction: str, label: str | None, _positive: str
) -> Iterator[tuple[str, tuple[float, float]]]:
    value = float(prediction)
    yield "prediction_mean", (value, 1.0)
    if label is not None:
        yield "mae", (abs(value - float(label)), 1.0)
