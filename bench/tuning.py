"""CPU seconds and quality of a search: Optuna over `cross_val_score` against `mlwright tune`.

Both get the same training rows, the same five folds, the same metric (AUC), the same space and the
same number of trials. The quality that counts is on the holdout, where both winners are compared
row by row; what each says of itself on the folds is printed too.

    python bench/tuning.py [TABLE --target COLUMN] [--algorithm lightgbm] [--trials 40]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from mlwright.core.settings import Tune
from mlwright.core.workspace import Workspace
from mlwright.data.read import read
from mlwright.demo import telco
from mlwright.stats.bootstrap import paired_metric_difference
from mlwright.stats.metrics import measure
from mlwright.train.candidate import learn
from mlwright.train.choices import PLAIN
from mlwright.train.divide import divide
from mlwright.train.tune import tune
from mlwright.train.work import Work, settle

SPACE: dict[str, tuple[float | int, ...]] = {  # the snippet of the fifth workflow
    "max_depth": (3, 5, 7, 10),
    "learning_rate": (0.01, 0.05, 0.1, 0.3),
    "n_estimators": (100, 300, 500, 1000),
    "subsample": (0.6, 0.8, 1.0),
    "colsample_bytree": (0.6, 0.8, 1.0),
}
FOLDS = 5


@dataclass(frozen=True)
class Result:
    """CPU seconds, the best score on the folds, the winner, and its scores on the holdout."""

    cpu: float
    wall: float
    best: float
    params: dict[str, Any]
    held: Any


def naive(work: Work, algorithm: str, trials: int, seed: int) -> Result:
    """What a tutorial says: a pipeline, `cross_val_score`, and a study in memory."""
    import pandas as pd
    from sklearn.model_selection import cross_val_score

    rows, held = (pd.DataFrame(dict(part)) for part in (work.data.sample.columns, work.data.held))
    target = work.data.sample.target
    folds = divide(work.data.sample, work.problem, how="stratified", folds=FOLDS).folds

    def objective(trial: optuna.Trial) -> float:
        params = {name: trial.suggest_categorical(name, values) for name, values in SPACE.items()}
        model = pipeline(algorithm, params, seed)
        return float(cross_val_score(model, rows, target, cv=list(folds), scoring="roc_auc").mean())

    cpu, wall = time.process_time(), time.perf_counter()
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    winner = pipeline(algorithm, study.best_params, seed).fit(rows, target)
    scores = winner.predict_proba(held)[:, 1]
    return Result(cpu, wall, study.best_value, study.best_params, scores)


def pipeline(algorithm: str, params: dict[str, Any], seed: int) -> Any:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    if algorithm == "lightgbm":
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(
            **params, subsample_freq=1, n_jobs=1, random_state=seed, verbosity=-1
        )
    else:
        from xgboost import XGBClassifier

        model = XGBClassifier(**params, n_jobs=1, random_state=seed)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    texts = make_column_selector(dtype_exclude="number")
    return make_pipeline(make_column_transformer((encoder, texts), remainder="passthrough"), model)


def ours(work: Work, table: Any, algorithm: str, trials: int, seed: int, space: Any) -> Result:
    """The search and all that goes with it: the study on disk and a tracked run a trial."""
    tuned = tune(
        work.workspace,
        table,
        target=work.schema.signature.target,
        name=work.name,
        algorithm=algorithm,
        seed=seed,
        how=Tune(trials=trials, cv="stratified", cv_folds=FOLDS, search_space=space),
    )
    winner = learn(
        algorithm,
        work.problem,
        work.schema.signature,
        work.data.sample,
        params=tuned.best_params,
        choices=PLAIN,
    )
    scores = winner.scores(work.data.held)
    return Result(tuned.cpu_seconds, tuned.seconds, tuned.score, tuned.best_params, scores)


def settled(folder: Path, path: Path, target: str, algorithm: str, seed: int) -> tuple[Work, Any]:
    table = read(path)
    work = settle(
        Workspace.create(folder),
        table,
        target=target,
        name="bench",
        algorithm=algorithm,
        params={},
        seed=seed,
        share=0.2,
        task="binary",
        choices=PLAIN,
        source=None,
        say=lambda _: None,
    )
    return work, table


def show(name: str, found: Result, base: Result, work: Work) -> None:
    truth = work.data.held_target
    auc = measure("binary", truth, found.held >= 0.5, found.held)["auc"]
    line = f"  {name:28} CPU {found.cpu:7.1f} s ({found.cpu / base.cpu:5.2f})  "
    line += f"folds {found.best:.4f}  holdout {auc:.4f}"
    if found is not base:
        gap = paired_metric_difference(
            "binary",
            "auc",
            truth,
            found.held >= 0.5,
            found.held,
            base.held >= 0.5,
            base.held,
        )
        line += f"  less naive {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", type=Path, help="by default the demo's customers")
    parser.add_argument("--target", default=telco.TARGET)
    parser.add_argument("--algorithm", action="append", choices=["lightgbm", "xgboost"])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    present = [a for a in ("lightgbm", "xgboost") if importlib.util.find_spec(a)]
    for algorithm in given.algorithm or present:
        importlib.import_module(algorithm)
        for seed in range(given.seeds):
            print(f"{algorithm}, {given.trials} trials, seed {seed}")
            with tempfile.TemporaryDirectory() as name:
                path = given.table or telco.write_table(Path(name))
                work, table = settled(Path(name), path, given.target, algorithm, seed)
                first = naive(work, algorithm, given.trials, seed)
                show("optuna + cross_val_score", first, first, work)
                same = ours(work, table, algorithm, given.trials, seed, SPACE)
                show("mlwright tune, same space", same, first, work)
                own = ours(work, table, algorithm, given.trials, seed, {})
                show("mlwright tune, its own space", own, first, work)


if __name__ == "__main__":
    main()
