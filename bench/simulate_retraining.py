"""How often a challenger that is no better is promoted: by the decision alone, and end to end.

Run: python bench/simulate_retraining.py [--runs 1000] [--whole 300]
Seeds begin at 20,000: none of them was looked at while the rule was chosen.

Decision: two models fitted to samples of one world, the one that is truly no better (by 100,000
rows) is the challenger, and `retrain.compare` judges them on fresh rows. End to end: `retrain.run`
on 2,000 labelled rows of an unchanged world, against a champion of 16,000 rows.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import insert

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.signature import Column, Signature
from mlwright.core.state import environments
from mlwright.core.workspace import Workspace
from mlwright.data.schema import conform
from mlwright.predictions.labels import add
from mlwright.predictions.lines import Prediction, line
from mlwright.predictions.segment import Segment
from mlwright.profile.make import profile
from mlwright.retrain.compare import compare
from mlwright.retrain.run import run
from mlwright.stats.intervals import wilson
from mlwright.track import mirror
from mlwright.train.recipe import train_configured

SEED = 20_000
FEATURES = 8
LEARNED = 1500
TRUE_ROWS = 100_000
TRUTH = np.array([1.0, -0.8, 0.6, 0.5, -0.4, 0.3, 0.0, 0.0])
NAMES = tuple(f"x{i}" for i in range(FEATURES))
SIGNATURES = {
    "binary": Signature(tuple(Column(n, "number") for n in NAMES), "binary", "y", ("No", "Yes")),
    "regression": Signature(tuple(Column(n, "number") for n in NAMES), "regression", "y"),
}


def world(rng: np.random.Generator, task: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=(rows, FEATURES))
    level = x @ TRUTH
    if task == "regression":  # errors with heavy tails
        return x, level + rng.standard_t(4, rows)
    return x, (rng.random(rows) < 1 / (1 + np.exp(-level))).astype(float)


def fitted(x: np.ndarray, y: np.ndarray, task: str) -> tuple[np.ndarray, float]:
    from sklearn.linear_model import LogisticRegression, Ridge

    if task == "regression":
        model = Ridge().fit(x, y)
        return model.coef_, float(model.intercept_)
    model = LogisticRegression().fit(x, y)
    return model.coef_[0], float(model.intercept_[0])


def bundle(folder: Path, task: str, weights: np.ndarray, bias: float, x: np.ndarray) -> Bundle:
    columns = {name: x[:, i] for i, name in enumerate(NAMES)}
    link = "identity" if task == "regression" else "logistic"
    return write(
        Draft(
            name="m",
            signature=SIGNATURES[task],
            plan=Plan(tuple(NumberStep(name, 0.0) for name in NAMES)),
            source=LinearSource(weights, bias, link),
            algorithm="linear",
            profile=profile(columns, SIGNATURES[task]),
            card="# m",
            check_columns={name: values[:20] for name, values in columns.items()},
            threshold=0.5 if task == "binary" else None,
            importance=dict.fromkeys(NAMES, 1 / FEATURES),
        ),
        folder,
    )


def risk(weights: np.ndarray, bias: float, x: np.ndarray, y: np.ndarray, task: str) -> float:
    level = x @ weights + bias
    if task == "regression":
        return float(((y - level) ** 2).mean())
    return float((np.log1p(np.exp(level)) - y * level).mean())


def decisions(task: str, rows: int, runs: int) -> Iterator[bool]:
    """Judge pairs of which the challenger is truly no better."""
    for number in range(runs):
        rng = np.random.default_rng([SEED + number, rows])
        learned = [world(rng, task, LEARNED) for _ in range(2)]
        pair = [fitted(x, y, task) for x, y in learned]
        far = world(rng, task, TRUE_ROWS)
        pair.sort(key=lambda model: risk(*model, *far, task))
        with tempfile.TemporaryDirectory() as folder:
            champion, challenger = (
                bundle(Path(folder), task, *model, learned[0][0]) for model in pair
            )
            x, y = world(rng, task, rows)
            target = y if task == "regression" else np.where(y > 0, "Yes", "No")
            table = pl.DataFrame({name: x[:, i] for i, name in enumerate(NAMES)} | {"y": target})
            judging = table.with_columns(key=pl.lit(None, pl.String))
            yield compare(champion, challenger, judging, level=0.98, seed=number).wins


def customers(rows: int, seed: int) -> pl.DataFrame:
    x, y = world(np.random.default_rng(seed), "binary", rows)
    columns = {name: x[:, i] for i, name in enumerate(NAMES)}
    return pl.DataFrame(columns | {"left": np.where(y > 0, "Yes", "No")})


def whole(runs: int) -> Iterator[bool]:
    """Retrain again and again on new rows of an unchanged world."""
    mirror.begin = lambda _workspace, _run: None
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder))
        path = Path(folder) / "customers.csv"
        customers(20_000, SEED - 1).write_csv(path)
        trained = train_configured(
            workspace, data=path, target="left", name="m", algorithm="linear"
        )
        live = {"platform": "local", "wanted": "running", "settings": {}, "updated": 0.0}
        with workspace.state.write() as connection:
            connection.execute(
                insert(environments).values(name="production", model="m", version=1, **live)
            )
        log = workspace.environment("production") / "log"
        for number in range(runs):
            begin = 1e6 * (number + 1)
            serve(trained.bundle, log, customers(2000, SEED + number), begin)
            span = {"since": begin, "until": begin + 1e5}
            done = run(workspace, "production", reason="weekly", deploy=False, seed=number, **span)
            shutil.rmtree(log)
            yield done.decision == "challenger_wins"


def serve(model: Bundle, log: Path, table: pl.DataFrame, begin: float) -> None:
    rows = conform(table, model.signature, target=False).to_dicts()
    answers = model.model().predict_rows(rows)
    segment = Segment(log, "predictions")
    lines = [
        Prediction(
            time=begin + place,
            request_id=f"{begin:.0f}-{place}",
            key=None,
            model="m",
            version=1,
            features=row,
            prediction=answers.prediction[place],
            score=float(answers.scores[place]),
            latency_ms=1.0,
            route="champion",
        )
        for place, row in enumerate(rows)
    ]
    segment.append([line(each) for each in lines])
    segment.close()
    add(log, [(f"{begin:.0f}-{place}", label) for place, label in enumerate(table["left"])])


def say(name: str, won: Iterator[bool]) -> None:
    found: list[bool] = []
    for one in won:
        found.append(one)
        if len(found) % 50 == 0:
            print(f"{name}: {sum(found)} of {len(found)}", file=sys.stderr, flush=True)
    share = wilson(sum(found), len(found))
    span = f"{share.low:.1%} to {share.high:.1%}"
    print(f"{name:<34}{len(found):>6}{share.value:>9.1%}   {span}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--whole", type=int, default=300)
    asked = parser.parse_args()
    print(f"{'a challenger that is no better':<34}{'runs':>6}{'wins':>9}   95% interval")
    for task in SIGNATURES if asked.runs else ():
        for rows in (500, 1000):
            say(f"decision, {task}, {rows:,} rows", decisions(task, rows, asked.runs))
    if asked.whole:
        say("end to end, 2,000 rows", whole(asked.whole))


if __name__ == "__main__":
    main()
