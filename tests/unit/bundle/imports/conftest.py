"""Small tables, models fitted on them by their own libraries, and a workspace without a tracker."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mlwright.bundle.imports.asked import Asked, Reference
from mlwright.bundle.packaging import package
from mlwright.core.workspace import Workspace


@dataclass(frozen=True)
class Numbers:
    frame: pd.DataFrame
    target: Any

    def asked(self, **said):
        table = pl.from_pandas(self.frame.assign(y=self.target))
        return Asked(**{"reference": Reference(table, "rows.csv"), "target": "y", **said})


@pytest.fixture(scope="session")
def numbers():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(300, 4)), columns=list("abcd"))
    return Numbers(frame, (frame.a - frame.b + generator.normal(size=300) / 2 > 0).astype(int))


@pytest.fixture(scope="session")
def mixed():
    """Numbers with nulls and categories with nulls; the target is text."""
    generator = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": generator.normal(40, 10, 400),
            "pay": np.where(generator.random(400) < 0.1, np.nan, generator.normal(50, 20, 400)),
            "plan": generator.choice(np.array(["free", "pro", "team"], object), 400),
            "city": generator.choice(np.array(["x", "y", None], object), 400),
        }
    )
    score = (frame.age - 40) / 10 + (frame.plan == "pro") + generator.normal(size=400) / 2
    return Numbers(frame, pd.Series(np.where(score > 0.3, "Yes", "No")))


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path / "ws")


@pytest.fixture
def packaged(workspace):
    """Package a source and return what came of it."""

    def run(source, asked, name="model"):
        return package(workspace, str(source), name=name, asked=asked)

    return run


def rows_of(frame):
    return [
        {k: None if v is None or v != v else v for k, v in row.items()}
        for row in frame.to_dict("records")
    ]


@pytest.fixture
def predict():
    """Predict a frame's rows by the opened bundle, as the server does."""

    def run(bundle, frame):
        model = bundle.model()
        rows = rows_of(frame)
        model.check_rows(rows)
        return model.predict_rows(rows)

    return run
