"""Why a row scored what it did: what each column added to the model's sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from mlwright.bundle.plan import Floats, Plan
from mlwright.core.errors import UserError
from mlwright.core.signature import Label, Signature


@runtime_checkable
class Explains(Protocol):
    """A runtime that says what each feature added to its sum."""

    def contributions(self, matrix: Floats) -> Floats:
        """Return (n, outputs, features + 1): what each feature added, and last what they add to.

        There is one output, or one a class where there are more than two. A row of it adds up to
        the model's sum before its link: log-odds of a classifier, the value of a regression.
        """
        ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each column added to `base`, in sum the model's output before its link.

    The numbers are log-odds of `output` for a classifier (before calibration), and in units of the
    target for a regression. Columns that an expression made stand under their own names.
    """

    output: Label
    base: float
    contributions: dict[str, float]


class NotExplained(UserError):
    """The model has no contributions to tell."""

    def __init__(self) -> None:
        super().__init__(
            "explanations are not available for this kind of model",
            hint="linear models, and boosted trees of LightGBM and XGBoost, have them",
        )


def explained(
    runtime: Explains, plan: Plan, matrix: Floats, signature: Signature, labels: Sequence[Label]
) -> list[Explanation]:
    """Return the explanation of each row's label, or of P(positive) where there are two.

    Args:
        runtime: the model, without calibration.
        plan: the encoding of its columns.
        matrix: the encoded rows.
        signature: its inputs and outputs.
        labels: what was predicted for each row.
    """
    parts = runtime.contributions(matrix)
    columns = list(dict.fromkeys(plan.feature_columns))
    places = {column: place for place, column in enumerate(columns)}
    sums = np.zeros((*parts.shape[:2], len(columns)))
    for feature, column in enumerate(plan.feature_columns):
        sums[:, :, places[column]] += parts[:, :, feature]
    many = signature.task == "multiclass"
    found = []
    for row, label in enumerate(labels):
        output = signature.classes.index(label) if many else 0
        told = label if many else signature.positive
        named = signature.target if told is None else told
        values = dict(zip(columns, sums[row, output].tolist(), strict=True))
        found.append(Explanation(named, float(parts[row, output, -1]), values))
    return found
