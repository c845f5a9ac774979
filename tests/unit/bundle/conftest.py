"""A small binary model on every kind of column, with nulls, and its draft."""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pytest

from mlwright.bundle.plan import BooleanStep, NumberStep, OneHotStep, OrdinalStep, Plan
from mlwright.bundle.sources import LightGBMSource
from mlwright.bundle.write import Draft
from mlwright.core.signature import Column, Signature
from mlwright.profile.make import profile

SIGNATURE = Signature(
    (
        Column("tenure", "number"),
        Column("charges", "number", nullable=True),
        Column("contract", "category", nullable=True),
        Column("gender", "category"),
        Column("partner", "boolean", nullable=True),
    ),
    "binary",
    "churn",
    ("No", "Yes"),
)
PLAN = Plan(
    (
        NumberStep("tenure"),
        NumberStep("charges"),
        OrdinalStep("contract", ("monthly", "yearly")),
        OneHotStep("gender", ("f", "m")),
        BooleanStep("partner"),
    )
)


@dataclass(frozen=True)
class Example:
    draft: Draft
    columns: dict[str, Any]
    rows: list[dict[str, Any]]
    booster: lightgbm.Booster


def make_columns(seed=0, size=400):
    generator = np.random.default_rng(seed)
    charges = generator.normal(60, 20, size)
    charges[generator.random(size) < 0.1] = np.nan
    partner = generator.integers(0, 2, size).astype(float)
    partner[generator.random(size) < 0.1] = np.nan
    return {
        "tenure": generator.integers(0, 72, size).astype(float),
        "charges": charges,
        "contract": generator.choice(np.array(["monthly", "yearly", None], object), size),
        "gender": generator.choice(np.array(["f", "m"], object), size),
        "partner": partner,
    }


def as_rows(columns):
    def plain(column, value):
        if value is None or value != value:
            return None
        return {"category": str, "boolean": bool, "number": float}[column.kind](value)

    size = len(columns["tenure"])
    inputs = SIGNATURE.inputs
    return [{c.name: plain(c, columns[c.name][i]) for c in inputs} for i in range(size)]


@pytest.fixture(scope="session")
def example():
    columns = make_columns()
    matrix = PLAN.encode(columns)
    noise = np.random.default_rng(1).normal(size=len(matrix))
    churned = columns["tenure"] / 20 + (columns["contract"] == "monthly") + noise > 2
    params = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(matrix, churned), 25)
    rows = as_rows(columns)
    draft = Draft(
        name="churn",
        signature=SIGNATURE,
        plan=PLAN,
        source=LightGBMSource(booster.model_to_string()),
        algorithm="lightgbm",
        profile=profile(columns, SIGNATURE, scores=booster.predict(matrix)),
        card="# churn\n",
        check_columns=columns,
        samples=rows[:3],
        threshold=0.4,
        params={"num_leaves": 7},
        metrics={"holdout": {"auc": {"value": 0.8, "low": 0.7, "high": 0.9, "n": 100}}},
        importance={"tenure": 0.6, "contract": 0.4},
        data={"fingerprint": "f" * 64},
    )
    return Example(draft, columns, rows, booster)
