"""What a model costs: check, encode and score of few rows, and of a table, by engine.

`python bench/engines.py` prints processor time, so that other work on the machine hardly shows.
Each call gets other rows than the one before: the processor learns the way of rows that come again
and again through the trees, which then seem three times as fast.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import lightgbm
import numpy as np
import xgboost

from mlwright.bundle.compile import Compiled, compiled
from mlwright.bundle.model import Model
from mlwright.bundle.plan import NumberStep, OneHotStep, OrdinalStep, Plan
from mlwright.bundle.sources import FileSource, LightGBMSource, LinearSource, Source
from mlwright.core.signature import Column, Signature

ROWS = 4096
COUNTS = (1, 8, 32, 100, 1000)
SECONDS = 0.2
CATEGORIES = tuple(f"category {i}" for i in range(6))

Rows = list[dict[str, Any]]


def main() -> None:
    for name, (signature, plan, source, columns) in {
        "XGBoost 300 x 6 on 20 floats": floats(),
        "linear, 8 numbers and 4 texts": mixed("linear"),
        "LightGBM 200 x 31, 8 numbers and 4 texts": mixed("lightgbm"),
    }.items():
        made = compiled(source, plan, columns, signature, threshold=0.5)
        print(f"\n{name}: {made.runtime}; microseconds a row")
        print(f"{'rows':>6} {'check':>8} {'encode':>8} {'score':>8} {'original':>9}")
        measure(signature, plan, made, columns)


def measure(signature: Signature, plan: Plan, made: Compiled, columns: dict[str, Any]) -> None:
    values = [each.tolist() for each in columns.values()]
    rows: Rows = [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
    matrix = plan.encode(columns)
    check = Model(signature, plan, made.model).check_rows
    original = made.original or made.model
    for count in COUNTS:
        cells = [
            a_row(check, rows, count),
            a_row(plan.encode_rows, rows, count),
            a_row(made.model.scores, matrix, count),
            a_row(original.scores, matrix, count),
        ]
        print(f"{count:6} {cells[0]:8.2f} {cells[1]:8.2f} {cells[2]:8.2f} {cells[3]:9.2f}")


def a_row(call: Callable[[Any], Any], rows: Sequence[Any], count: int) -> float:
    """Return the microseconds of the processor that one row takes, in calls of so many."""
    starts = range(0, len(rows) - count + 1, count)
    parts = itertools.cycle([rows[start : start + count] for start in starts])
    call(next(parts))
    best = float("inf")
    for _ in range(3):
        began, taken, calls = time.thread_time(), 0.0, 0
        while taken < SECONDS:
            call(next(parts))
            taken, calls = time.thread_time() - began, calls + 1
        best = min(best, taken / calls / count)
    return best * 1e6


def floats() -> tuple[Signature, Plan, Source, dict[str, Any]]:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(ROWS, 20))
    noise = generator.normal(size=ROWS)
    target = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + noise > 0
    params = {"objective": "binary:logistic", "max_depth": 6, "nthread": 1, "seed": 0}
    booster = xgboost.train(params, xgboost.DMatrix(matrix, target), 300)
    names = [f"f{i}" for i in range(20)]
    data = bytes(booster.save_raw("json"))
    return (
        Signature(tuple(Column(name, "number") for name in names), "binary", "y", (0, 1)),
        Plan(tuple(NumberStep(name) for name in names)),
        FileSource("xgboost", "model.json", data, ("numpy", "xgboost")),
        dict(zip(names, matrix.T, strict=True)),
    )


def mixed(kind: str) -> tuple[Signature, Plan, Source, dict[str, Any]]:
    generator = np.random.default_rng(0)
    numbers, texts = [f"n{i}" for i in range(8)], [f"t{i}" for i in range(4)]
    matrix = generator.normal(size=(ROWS, 8))
    codes = generator.integers(0, len(CATEGORIES), size=(ROWS, 4))
    columns: dict[str, Any] = dict(zip(numbers, matrix.T, strict=True))
    columns |= {
        name: np.array([CATEGORIES[i] for i in column], object)
        for name, column in zip(texts, codes.T, strict=True)
    }
    inputs = [Column(name, "number") for name in numbers]
    inputs += [Column(name, "category") for name in texts]
    signature = Signature(tuple(inputs), "binary", "y", (0, 1))
    if kind == "linear":
        steps = [NumberStep(name, fill=0.0, center=0.1, scale=1.1) for name in numbers]
        plan = Plan((*steps, *(OneHotStep(name, CATEGORIES) for name in texts)))
        weights = generator.normal(size=len(plan.features))
        return signature, plan, LinearSource(weights, 0.1, "logistic"), columns
    plan = Plan(
        (*(NumberStep(name) for name in numbers), *(OrdinalStep(t, CATEGORIES) for t in texts))
    )
    target = matrix[:, 0] + codes[:, 0] / 3 + generator.normal(size=ROWS) > 1
    params = {"objective": "binary", "num_leaves": 31, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(plan.encode(columns), target), 200)
    return signature, plan, LightGBMSource(booster.model_to_string()), columns


if __name__ == "__main__":
    main()
