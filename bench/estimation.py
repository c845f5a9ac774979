"""Performance estimated without labels beside the true one, of models that `mlwright train` made.

Run: python bench/estimation.py --telco FILE --bike FILE [--seeds 3]
         [--calibration isotonic]
Trained on a part of the table; the other rows come as they are, then some kinds of them alone
(inputs drift, the relation stays), then with a relation that has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.cli.main import main as mlwright
from mlwright.core.workspace import Workspace
from mlwright.data.schema import columns
from mlwright.monitor.estimate import estimate, of_rows
from mlwright.monitor.truth import Known, known
from mlwright.stats.metrics import measure
from mlwright.track.models import resolve

LABELS = 300
NAMES = ("auc", "accuracy", "log_loss")


def trained(table: pl.DataFrame, target: str, name: str, folder: Path) -> Bundle:
    """Return the bundle of a model as the command trains it."""
    path = folder / f"{name}.csv"
    table.write_csv(path)
    words = ["train", "--data", str(path), "--target", target, "--name", name, "--split", "random"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        mlwright([*words, "--workspace", str(folder)])
    return Bundle.open(resolve(Workspace(folder), name).bundle)


def answered(bundle: Bundle, table: pl.DataFrame, target: str) -> Known:
    """Return what the model answers, beside the truth."""
    found = bundle.model().predict(columns(table.drop(target), bundle.signature))
    log = pl.DataFrame(
        {
            "prediction": [str(one) for one in found.prediction],
            "score": found.scores.tolist(),
            "label": table[target].cast(pl.String),
        }
    )
    return known(log, bundle.signature)


def line(bundle: Bundle, name: str, table: pl.DataFrame, target: str) -> None:
    """Print the estimate less the truth, and whether the first labels contradict it."""
    rows = answered(bundle, table, target)
    expected = of_rows(rows.table, bundle, fewest=500)
    true = measure(bundle.signature.task, rows.truth, rows.predicted, rows.scores)
    first = rows.where(np.arange(len(rows)) < LABELS)
    said = estimate(expected, bundle, told=first, quality=())
    gaps = "".join(f"{expected[n].value - true[n]:+10.3f}" for n in NAMES)
    inside = sum(expected[n].low <= true[n] <= expected[n].high for n in NAMES)
    trust = "reliable" if said is not None and said.reliable else "unreliable"
    print(f"{name:<52}{len(rows):>6}{true['auc']:>7.3f}{gaps}{inside:>4}/3  {trust}")


def telco(path: Path, seed: int, folder: Path) -> None:
    """Customers, of whom some kinds come alone; then those of two years leave as others stay."""
    table = pl.read_csv(path, null_values=[" "]).drop("customerID")
    table = table.sample(fraction=1, shuffle=True, seed=seed)
    bundle, rest = trained(table[:3000], "Churn", f"telco{seed}", folder), table[3000:]
    line(bundle, "telco, the other customers", rest, "Churn")
    monthly, fibre = pl.col("Contract") == "Month-to-month", pl.col("InternetService") != "DSL"
    line(bundle, "telco, monthly contracts only", rest.filter(monthly), "Churn")
    line(bundle, "telco, without DSL", rest.filter(fibre), "Churn")
    flipped = pl.when(pl.col("Churn") == "Yes").then(pl.lit("No")).otherwise(pl.lit("Yes"))
    changed = pl.when(pl.col("tenure") > 40).then(flipped).otherwise(pl.col("Churn"))
    line(bundle, "telco, who stays changed (concept)", rest.with_columns(Churn=changed), "Churn")


def bike(path: Path, seed: int, folder: Path) -> None:
    """Hours of 2011 that are busy, or of three kinds; then those of 2012, when demand had grown."""
    every = pl.read_csv(path).drop("instant", "casual", "registered", "dteday")
    three = pl.when(pl.col("cnt") > 220).then(pl.lit("c")).when(pl.col("cnt") > 74)
    kinds = {
        "busy": pl.when(pl.col("cnt") > 142).then(pl.lit("yes")).otherwise(pl.lit("no")),
        "kind": three.then(pl.lit("b")).otherwise(pl.lit("a")),
    }
    for target, kind in kinds.items():
        table = every.with_columns(kind.alias(target)).drop("cnt")
        first = table.filter(pl.col("yr") == 0).drop("yr")
        first = first.sample(fraction=1, shuffle=True, seed=seed)
        bundle, rest = trained(first[:4000], target, f"{target}{seed}", folder), first[4000:]
        line(bundle, f"bike 2011, {target}", rest, target)
        line(bundle, f"bike 2011, {target}, warm", rest.filter(pl.col("temp") > 0.5), target)
        day = pl.col("hr").is_between(7, 20)
        line(bundle, f"bike 2011, {target}, by day", rest.filter(day), target)
        later = table.filter(pl.col("yr") == 1).drop("yr").sample(fraction=1, shuffle=True, seed=1)
        line(bundle, f"bike 2012, {target} (concept)", later, target)


def run() -> None:
    """Print both tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--telco", type=Path, required=True)
    asked.add_argument("--bike", type=Path, required=True)
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--calibration", choices=("none", "sigmoid", "isotonic"), default="none")
    given = asked.parse_args()
    heads = "".join(f"{n:>10}" for n in NAMES)
    print(f"{'estimated - true':<52}{'rows':>6}{'AUC':>7}{heads}  in 99%  by {LABELS} labels")
    with tempfile.TemporaryDirectory() as folder:
        Workspace.create(Path(folder))
        settings = f"model:\n  calibration: {given.calibration}\n"
        (Path(folder) / "mlwright.yaml").write_text(settings)
        for seed in range(given.seeds):
            telco(given.telco, seed, Path(folder))
            bike(given.bike, seed, Path(folder))


if __name__ == "__main__":
    run()
