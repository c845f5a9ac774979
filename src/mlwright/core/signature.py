"""What a model takes and gives: column names, kinds and nullability, and the check of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["number", "category", "boolean", "text"]
Task = Literal["binary", "multiclass", "regression"]
Label = str | int | float | bool

KINDS: tuple[Kind, ...] = get_args(Kind)
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True)
class Column:
    """One input column: its name, kind, and whether a null is accepted."""

    name: str
    kind: Kind
    nullable: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the column as a JSON object."""
        return {"name": self.name, "kind": self.kind, "nullable": self.nullable}


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
        inputs = tuple(Column(**column) for column in value["inputs"])
        return cls(inputs, value["task"], value["target"], tuple(value["classes"]))
