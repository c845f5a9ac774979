"""What a model takes and gives: column names, kinds and nullability, and the check of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["number", "category", "boolean", "text"]
Task = Literal["binary", "multiclass", "regression"]
OnNull = Literal["reject", "impute"]
Label = str | int | float | bool

KINDS: tuple[Kind, ...] = get_args(Kind)
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True)
class Column:
    """One input column: its name, kind, and whether a null is accepted.

    What is accepted is imputed: by the plan, which fills it, or by trees that have learned its way.
    """

    name: str
    kind: Kind
    nullable: bool = False

    @property
    def on_null(self) -> OnNull:
        """Return what becomes of a row with a null: refused, or imputed."""
        return "impute" if self.nullable else "reject"

    def to_json(self) -> dict[str, Any]:
        """Return the column as a JSON object, the inverse of `from_json`."""
        return {"name": self.name, "kind": self.kind, "on_null": self.on_null}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Column:
        """Read what `to_json` wrote, now or when it said `nullable`.

        >>> Column.from_json({"name": "age", "kind": "number", "on_null": "impute"}).nullable
        True
        """
        nullable = value["on_null"] == "impute" if "on_null" in value else value["nullable"]
        return cls(value["name"], value["kind"], nullable)


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of a model.

    `classes` holds the labels in the order of the model's probabilities; the last one is the
    positive class of a binary model. It is empty for regression.

    >>> Signature((Column("tenure", "number"),), "binary", "churn", ("No", "Yes")).positive
    'Yes'
    """

    inputs: tuple[Column, ...]
    task: Task
    target: str
    classes: tuple[Label, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the input names, in order."""
        return tuple(column.name for column in self.inputs)

    @property
    def positive(self) -> Label | None:
        """Return the positive class of a binary model, else None."""
        return self.classes[-1] if self.task == "binary" else None

    def to_json(self) -> dict[str, Any]:
        """Return the signature as a JSON object, the inverse of `from_json`."""
        return {
            "inputs": [column.to_json() for column in self.inputs],
            "task": self.task,
            "target": self.target,
            "classes": list(self.classes),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Signature:
        """Read what `to_json` wrote."""
        inputs = tuple(map(Column.from_json, value["inputs"]))
        return cls(inputs, value["task"], value["target"], tuple(value["classes"]))
