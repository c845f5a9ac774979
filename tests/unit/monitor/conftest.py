"""A deployed model with a prediction log, without a server: the log is written as one writes it."""

from dataclasses import dataclass

import numpy as np
import pytest
from sqlalchemy import insert

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.plan import BooleanStep, NumberStep, OneHotStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.signature import Column, Signature
from mlwright.core.state import environments
from mlwright.core.workspace import Workspace
from mlwright.predictions.labels import add
from mlwright.predictions.lines import Prediction, line
from mlwright.predictions.segment import Segment
from mlwright.profile.make import profile
from mlwright.stats.bootstrap import bootstrap_metrics
from mlwright.track.models import register

SIGNATURE = Signature(
    (
        Column("pay", "number", nullable=True),
        Column("age", "number"),
        Column("<script>", "category"),
        Column("new", "boolean"),
    ),
    "binary",
    "left",
    ("No", "Yes"),
)
PLAN = Plan(
    (
        NumberStep("pay", fill=0.0),
        NumberStep("age"),
        OneHotStep("<script>", ("a", "b")),
        BooleanStep("new"),
    )
)
NOON = 1_700_000_000.0


def draw(rows, seed, *, pay=0.0, share_a=0.5, nulls=0.02):
    """Rows of the world the model was made in, or of a shifted one."""
    rng = np.random.default_rng(seed)
    values = rng.normal(pay, 1, rows)
    values[rng.random(rows) < nulls] = np.nan
    return {
        "pay": values,
        "age": rng.normal(0, 1, rows),
        "<script>": np.where(rng.random(rows) < share_a, "a", "b").astype(object),
        "new": (rng.random(rows) < 0.3).astype(float),
    }


@dataclass
class Production:
    workspace: Workspace
    bundle: Bundle
    version: int = 1

    @property
    def log(self):
        return self.workspace.environment("production") / "log"

    def answer(self, columns, *, at=NOON, version=None, route="champion", key=None):
        """Log the model's answers to these rows, a millisecond apart; return ids and scores."""
        found = self.bundle.model().predict(columns)
        names = list(columns)
        records = []
        for i, values in enumerate(zip(*(columns[name].tolist() for name in names), strict=True)):
            features = dict(zip(names, values, strict=True))
            pay = features["pay"]
            features |= {"new": bool(features["new"]), "pay": None if pay != pay else pay}
            records.append(
                Prediction(
                    time=at + i / 1000,
                    request_id=f"{at:.0f}-{i}",
                    key=key(i) if key else None,
                    model="churn",
                    version=version or self.version,
                    features=features,
                    prediction=found.prediction[i],
                    score=float(found.scores[i]),
                    latency_ms=1.0 + i % 100,
                    route=route,
                )
            )
        segment = Segment(self.log, "predictions")
        segment.append([line(record) for record in records])
        segment.close()
        return [record.request_id for record in records], found.scores

    def label(self, ids, truths):
        return add(self.log, zip(ids, truths, strict=True))


def truths(scores, seed=0, *, flip=False):
    happens = np.random.default_rng(seed).random(len(scores)) < (1 - scores if flip else scores)
    return ["Yes" if yes else "No" for yes in happens]


def make_bundle(workspace):
    source = LinearSource(np.array([1.5, 0.2, 1.0, -1.0, 0.5]), 0.0, "logistic")
    columns = draw(4000, 1)
    scores = 1 / (1 + np.exp(-(PLAN.encode(columns) @ np.array([1.5, 0.2, 1.0, -1.0, 0.5]))))
    y = np.array([label == "Yes" for label in truths(scores)], dtype=int)
    metrics = bootstrap_metrics("binary", y, (scores >= 0.5).astype(int), scores, repeats=200)
    return write(
        Draft(
            name="churn",
            signature=SIGNATURE,
            plan=PLAN,
            source=source,
            algorithm="linear",
            profile=profile(columns, SIGNATURE, scores=scores),
            card="# churn",
            check_columns={name: values[:50] for name, values in columns.items()},
            threshold=0.5,
            metrics={"holdout": {name: value.to_json() for name, value in metrics.items()}},
            importance={"pay": 0.6, "age": 0.1, "<script>": 0.2, "new": 0.1},
        ),
        workspace.bundles,
    )


@pytest.fixture
def production(tmp_path):
    workspace = Workspace.create(tmp_path)
    bundle = make_bundle(workspace)
    register(workspace, "churn", bundle)
    row = {"platform": "local", "wanted": "running", "settings": {}, "updated": NOON}
    with workspace.state.write() as connection:
        connection.execute(
            insert(environments).values(name="production", model="churn", version=1, **row)
        )
        connection.execute(insert(environments).values(name="staging", **row))
    return Production(workspace, bundle)
