"""What the user says of a model made elsewhere, and what is known of it in the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mlwright.bundle.plan import Plan
from mlwright.bundle.sources import Source
from mlwright.bundle.trust import NOTHING, Trust
from mlwright.core.errors import ConfigError, DataError, SignatureError, did_you_mean
from mlwright.core.signature import Column, Kind, Label, Signature, Task
from mlwright.data.target import as_labels, classes_of, infer_task, target_series

TARGET = "prediction"
THRESHOLD = math.nextafter(0.5, 1.0)
"""Libraries answer the first class where both are as probable; so does what is made of them."""

_WORDS_OF_A_TEXT = 3
_MOST_CATEGORIES = 100


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Rows like those that the model will see; `name` is how messages call them."""

    table: pl.DataFrame
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a source is read with.

    Attributes:
        reference: rows, from which columns and kinds are taken that the source does not name.
        target: the reference's column with the true answers.
        task: what is predicted, where neither source nor target says it.
        classes: the labels in the order of the model's outputs.
        columns: the columns in the order in which the model takes them.
        link: what makes probabilities of the model's answers.
        output: the output of an ONNX graph that holds the scores.
        code: a folder that is packaged with a Python class.
        timeout: seconds that an endpoint may take.
        token: a reference to an endpoint's token, `env:NAME`.
        trust: what the user lets a model do.
    """

    reference: Reference | None = None
    target: str | None = None
    task: Task | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    link: str = "identity"
    output: str | None = None
    code: Path | None = None
    timeout: float = 2.0
    token: str | None = None
    trust: Trust = NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class Incoming:
    """A model that was read: what it takes and gives, and what is packaged of it.

    `plan` is empty for a foreign runtime. `notes` are for the user and for the card.
    """

    algorithm: str
    signature: Signature
    plan: Plan
    source: Source
    params: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def settled(
    asked: Asked,
    *,
    names: Sequence[str] = (),
    count: int | None = None,
    kinds: Mapping[str, Kind] | Kind | None = None,
    nulls: bool = False,
    only_where_null: bool = False,
    task: Task | None = None,
    classes: Sequence[Label] = (),
) -> Signature:
    """Return the signature, from what the source says, then the reference, then the user.

    Args:
        asked: the reference and what the user said.
        names: the columns, where the source names them.
        count: how many it takes, where it says that.
        kinds: of its columns, or of all; None takes them from the reference.
        nulls: whether the model takes nulls.
        only_where_null: whether it takes them where the reference has some.
        task: what it predicts, where the source says it.
        classes: the labels in the order of its outputs.

    Raises:
        ConfigError: something is known from nowhere, or contradicts the source.
        DataError: the reference lacks columns or has nulls that the model cannot take.
    """
    wanted = _names(asked, tuple(names), count)
    target = asked.target or TARGET
    if target in wanted:
        raise ConfigError(
            f"the target {target!r} is a column that the model takes",
            hint="name the column with the true answers, or leave --target out",
        )
    known_task, labels = _answers(asked, task, tuple(classes))
    table = asked.reference.table if asked.reference else None
    inputs = []
    for name in wanted:
        kind = kinds.get(name) if isinstance(kinds, Mapping) else kinds
        empty = table is not None and table[name].null_count() > 0
        if kind is None:
            kind = _kind(table[name]) if table is not None else "number"
        inputs.append(Column(name, kind, nullable=nulls or (only_where_null and empty)))
    return Signature(tuple(inputs), known_task, target, labels)


def _names(asked: Asked, names: tuple[str, ...], count: int | None) -> tuple[str, ...]:
    table = asked.reference.table if asked.reference else None
    found = names or asked.columns
    if not found and table is not None:
        found = tuple(name for name in table.columns if name != asked.target)
    if not found:
        raise ConfigError(
            "the model does not say which columns it takes",
            hint="give --reference FILE, a table with them, or --columns a,b,c",
        )
    if count is not None and len(found) != count:
        raise ConfigError(
            f"the model takes {count} columns, and here are {len(found)}: {', '.join(found)}",
            hint="name those that it takes, in its order: --columns a,b,c",
        )
    if len(set(found)) < len(found):
        raise ConfigError("the model has two columns of one name", hint="--columns a,b,c")
    if table is not None:
        others = [name for name in table.columns if name not in found]
        missing = {
            name: f"is missing{did_you_mean(name, others)}"
            for name in found
            if name not in table.columns
        }
        if missing:
            raise SignatureError(missing, hint=f"the model takes the columns {', '.join(found)}")
    return found


def _kind(series: pl.Series) -> Kind:
    if series.dtype == pl.Boolean:
        return "boolean"
    if series.dtype != pl.String:
        return "number" if series.dtype.is_numeric() or series.dtype == pl.Null else "category"
    words = series.str.split(" ").list.len().mean()
    long = isinstance(words, float) and words >= _WORDS_OF_A_TEXT
    return "text" if long and series.n_unique() > _MOST_CATEGORIES else "category"


def _answers(
    asked: Asked, task: Task | None, classes: tuple[Label, ...]
) -> tuple[Task, tuple[Label, ...]]:
    if task and asked.task and task != asked.task:
        raise ConfigError(f"the model is made for {task}, not for {asked.task}", hint="no --task")
    truth = _truth(asked)
    found = task or asked.task or _task_of(asked, truth)
    if found == "regression":
        return found, ()
    given = tuple(map(_label, asked.classes))
    labels = given or classes or (classes_of(truth, found) if truth is not None else ())
    if classes and len(labels) != len(classes):
        raise ConfigError(
            f"the model has {len(classes)} classes, and --classes names {len(labels)}",
            hint=f"name one for each of its outputs, {', '.join(map(str, classes))}",
        )
    if not labels or (found == "binary") != (len(labels) == 2) or len(set(labels)) < len(labels):
        raise ConfigError(
            f"the labels of a {found} model are not known",
            hint="name them in the order of its outputs, the positive one of two last: "
            "--classes No,Yes",
        )
    _check_truth(truth, labels)
    return found, labels


def _task_of(asked: Asked, truth: pl.Series | None) -> Task:
    if asked.classes:
        return "binary" if len(asked.classes) == 2 else "multiclass"
    if truth is not None:
        return infer_task(truth, None)
    raise ConfigError(
        "the model does not say what it answers",
        hint="give --reference FILE with --target COLUMN, or --classes No,Yes, or "
        "--task regression",
    )


def _truth(asked: Asked) -> pl.Series | None:
    if asked.target is None:
        return None
    if asked.reference is None:
        raise ConfigError("--target names a column of --reference", hint="give --reference FILE")
    return target_series(asked.reference.table, asked.target).drop_nulls()


def _check_truth(truth: pl.Series | None, labels: tuple[Label, ...]) -> None:
    """Refuse labels that stand for others: which is which can only be guessed."""
    if truth is None:
        return
    held = as_labels(truth).unique().to_list()
    strange = [value for value in held if value not in labels]
    if strange:
        few = ", ".join(sorted(map(str, held))[:5])
        raise DataError(
            f"the model answers {', '.join(map(str, labels))}, and {truth.name!r} holds {few}",
            hint="say which is which, in the order of its outputs: --classes "
            + ",".join(sorted(map(str, held))[:5]),
        )


def _label(text: str) -> Label:
    return int(text) if text.lstrip("-").isdecimal() else text
