"""What training would make of a table, without training: its columns and what is noticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from mlwright.core.settings import Model
from mlwright.core.signature import Task
from mlwright.data.read import read
from mlwright.data.schema import Finding, Schema
from mlwright.data.target import Asked
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.prepare import noticed
from mlwright.train.recipe import asked_task, table_and_target

Role = Literal["input", "target", "weight", "group", "left out"]


@dataclass(frozen=True, slots=True)
class Described:
    """One column: what it holds, what training does with it, and how full it is."""

    name: str
    kind: str
    role: Role
    missing: int
    different: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """A table as training sees it."""

    rows: int
    target: str
    task: Task
    split: str
    columns: tuple[Described, ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the inspection as a JSON object."""
        return {
            "rows": self.rows,
            "target": self.target,
            "task": self.task,
            "split": self.split,
            "columns": [asdict(column) for column in self.columns],
            "findings": [finding.to_json() for finding in self.findings],
        }


def inspect(
    table: pl.DataFrame, target: str, *, task: Asked = None, choices: Choices = PLAIN
) -> Inspection:
    """Say what training would make of a table, as the choices are.

    Raises:
        ConfigError: a choice names a column that is not there.
        DataError: the target cannot be learned, or there is nothing to learn from.

    >>> table = pl.DataFrame({"age": [*range(30, 70, 2)], "left": ["Yes", "No"] * 10})
    >>> [column.role for column in inspect(table, "left").columns]
    ['input', 'target']
    """
    schema = noticed(table, target, task=task, choices=choices)
    return Inspection(
        table.height,
        target,
        schema.signature.task,
        _split(schema, choices),
        tuple(_described(series, schema, choices) for series in table),
        schema.findings,
    )


def inspect_configured(
    settings: Model,
    root: Path,
    *,
    data: Path | str | None = None,
    target: str | None = None,
    task: Task | None = None,
    wanted: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Inspection:
    """Inspect the table that was given, or that the configuration in the folder `root` names.

    `wanted` holds fields of `Choices` that go before those of the configuration.

    Raises:
        ConfigError: neither names the table, or the target.
        DataError: the table cannot be read, or as `inspect`.
    """
    source, column = table_and_target(settings, root, data=data, target=target)
    choices = replace(Choices.from_settings(settings), **(wanted or {}))
    table = read(source, say=say)
    return inspect(table, column, task=asked_task(settings, task), choices=choices)


def _split(schema: Schema, choices: Choices) -> str:
    if choices.group is not None:
        return f"by group, {choices.group}"
    if schema.date_column is not None and choices.split != "random":
        return f"by time, {schema.date_column}"
    return "at random"


def _described(series: pl.Series, schema: Schema, choices: Choices) -> Described:
    return Described(
        series.name,
        _kind(series, schema),
        _role(series.name, schema, choices),
        series.null_count(),
        series.drop_nulls().n_unique() if not series.dtype.is_nested() else len(series),
    )


def _kind(series: pl.Series, schema: Schema) -> str:
    for column in schema.signature.inputs:
        if column.name == series.name:
            return column.kind
    for finding in schema.findings:
        if finding.column == series.name and finding.kind in ("id", "date", "nested"):
            return finding.kind
    if series.name == schema.signature.target and schema.signature.task != "regression":
        return "category"
    if series.dtype.is_numeric():
        return "number"
    return "boolean" if series.dtype == pl.Boolean else "text"


def _role(name: str, schema: Schema, choices: Choices) -> Role:
    if name == schema.signature.target:
        return "target"
    if name in schema.signature.names:
        return "input"
    if name == choices.weight:
        return "weight"
    return "group" if name == choices.group else "left out"
