from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mlwright.core.state import environments
from mlwright.core.workspace import Workspace
from mlwright.data.schema import conform
from mlwright.predictions.labels import add
from mlwright.predictions.lines import Prediction, line
from mlwright.predictions.segment import Segment
from mlwright.train.fit import Trained
from mlwright.train.recipe import train_configured


def customers(
    rows: int, *, seed: int, turned: bool = False, labels=("stays", "goes")
) -> pl.DataFrame:
    """Customers whose label depends on their tenure; `turned`, the other way round."""
    rng = np.random.default_rng(seed)
    tenure = rng.integers(0, 70, rows)
    chance = 1 / (1 + np.exp((0.08 if not turned else -0.08) * (tenure - 45)))
    return pl.DataFrame(
        {
            "tenure": tenure,
            "contract": rng.choice(["monthly", "yearly"], rows),
            "left": np.where(rng.random(rows) < chance, labels[1], labels[0]),
        }
    )


@dataclass
class Production:
    """A trained model that answers in production, and its log."""

    workspace: Workspace
    trained: Trained

    @property
    def log(self) -> Path:
        return self.workspace.environment("production") / "log"

    def serve(self, table: pl.DataFrame, *, since: float, key: Callable[[int], str | None]) -> None:
        """Log these rows as answered one a second, and tell their labels."""
        signature = self.trained.bundle.signature
        rows = conform(table, signature, target=False).to_dicts()
        answers = self.trained.bundle.model().predict_rows(rows)
        ids = [f"r{since + i:.0f}" for i in range(len(rows))]
        segment = Segment(self.log, "predictions")
        segment.append(
            [
                line(
                    Prediction(
                        time=since + i,
                        request_id=ids[i],
                        key=key(i),
                        model=self.trained.model,
                        version=self.trained.version,
                        features=row,
                        prediction=answers.prediction[i],
                        score=float(answers.scores[i]),
                        latency_ms=1.0,
                        route="champion",
                    )
                )
                for i, row in enumerate(rows)
            ]
        )
        segment.close()
        add(self.log, zip(ids, table[signature.target].to_list(), strict=True))


@pytest.fixture
def production(workspace: Workspace) -> Callable[[pl.DataFrame], Production]:
    """Train on a table from a file, as a user would, and let the version answer."""

    def begin(table: pl.DataFrame) -> Production:
        path = workspace.root / "customers.csv"
        table.write_csv(path)
        trained = train_configured(workspace, data=path, target=table.columns[-1], name="m")
        with workspace.state.write() as connection:
            connection.execute(
                environments.insert().values(
                    name="production",
                    platform="local",
                    wanted="running",
                    settings={},
                    model="m",
                    version=trained.version,
                    updated=0.0,
                )
            )
        return Production(workspace, trained)

    return begin
