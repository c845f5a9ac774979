"""What `mlwright train` costs beyond the library calls it makes, and what of that MLflow does.

Three programs, each a process of its own, one after the other and all of it again: the bare calls
(read, encode, five folds and the last fit of LightGBM, the linear model likewise), `mlwright train`
whose tracker is down, and `mlwright train` with MLflow on SQLite, in a workspace that exists. CPU
seconds of the process and its children, which others on the machine disturb least; wall seconds
beside them. The least of each is shown: what is above it, the machine did. The process that tells
MLflow works beside the training, so that on a second core its CPU seconds are no wall seconds.

    python bench/training.py [--repeats 5]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlwright.demo import telco

BARE = """
import sys
import lightgbm, numpy as np, polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
table = pl.read_parquet(sys.argv[1])
target = (table[sys.argv[2]] == table[sys.argv[2]].unique().sort()[-1]).to_numpy().astype(int)
kept = [s for s in table.drop(sys.argv[2]) if s.n_unique() < table.height]
text = pl.DataFrame([s for s in kept if s.dtype == pl.String])
rows = np.hstack([
    pl.DataFrame([s for s in kept if s.dtype != pl.String]).fill_null(0).to_numpy().astype(float),
    text.to_dummies().to_numpy().astype(float),
])
rows, held, target, _ = train_test_split(
    rows, target, test_size=0.2, stratify=target, random_state=0
)
given = {"objective": "binary", "learning_rate": 0.03, "num_leaves": 7, "bagging_fraction": 0.7,
         "bagging_freq": 1, "feature_fraction_bynode": 0.5, "num_threads": 1, "verbosity": -1}
rounds = []
for fit, scored in StratifiedKFold(5, shuffle=True, random_state=0).split(rows, target):
    inner, stop = fit[: int(0.85 * len(fit))], fit[int(0.85 * len(fit)) :]
    data = lightgbm.Dataset(rows[inner], target[inner])
    booster = lightgbm.train(
        given, data, 2000, valid_sets=[lightgbm.Dataset(rows[stop], target[stop], reference=data)],
        callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )
    rounds.append(booster.best_iteration)
    booster.predict(rows[scored])
    LogisticRegression(max_iter=1000).fit(rows[fit] / (rows.std(axis=0) + 1e-9), target[fit])
lightgbm.train(given, lightgbm.Dataset(rows, target), int(np.median(rounds))).predict(held)
LogisticRegression(max_iter=1000).fit(rows / (rows.std(axis=0) + 1e-9), target).predict_proba(held)
"""


def spent(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; return its CPU and wall seconds."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = os.times()
    cpu = after.children_user + after.children_system
    return cpu - before.children_user - before.children_system, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = str(telco.write_table(folder))
        train = ["-m", "mlwright", "train", "--data", table, "--target", telco.TARGET]
        commands = {
            "bare library calls": (["-c", BARE, table, telco.TARGET], folder),
            "mlwright train, tracker down": (train, folder / "down"),
            "mlwright train, MLflow on SQLite": (train, folder / "up"),
        }
        for _, place in commands.values():
            place.mkdir(exist_ok=True)
        (folder / "down" / "mlwright.yaml").write_text("tracking: {uri: 'http://127.0.0.1:1'}\n")
        found: dict[str, list[tuple[float, float]]] = {what: [] for what in commands}
        for repeat in range(-1, repeats):  # the first makes workspaces, stores and caches
            for what, (arguments, place) in commands.items():
                measured = spent([sys.executable, *arguments], place)
                if repeat >= 0:
                    found[what].append(measured)
    base = [min(each) for each in zip(*found["bare library calls"], strict=True)]
    for what, runs in found.items():
        cpu, wall = (min(each) for each in zip(*runs, strict=True))
        print(
            f"{what:34} CPU {cpu:5.2f} s (+{cpu - base[0]:.2f})   wall {wall:5.2f} s "
            f"(+{wall - base[1]:.2f})"
        )


if __name__ == "__main__":
    main()
