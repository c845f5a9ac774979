"""`mlwright predict` of a Parquet file against the booster itself: `python bench/batch.py`.

XGBoost, 300 trees of depth 6 on 20 floats, a million rows. A is the command, with its checks, its
order, its progress on disk; B reads the file whole, calls `inplace_predict` with all threads, and
writes the same columns. Both are processes of their own, so that starting counts in both. Printed
are the seconds by the clock, which need a quiet machine, CPU seconds, and the largest memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
from pair import compare

COLUMNS = [f"f{i}" for i in range(20)]

BOOSTER = """
import sys
import numpy, polars, xgboost
model, source, target, keep = sys.argv[1:]
booster = xgboost.Booster(model_file=model)
table = polars.read_parquet(source)
matrix = table.select([f"f{i}" for i in range(20)]).to_numpy()
probability = booster.inplace_predict(matrix).astype(numpy.float64)
kept = table if keep == "all" else table.select("id")
answers = {"prediction": probability >= 0.5, "probability": probability}
kept.with_columns(**{name: polars.Series(each) for name, each in answers.items()}).with_columns(
    model_version=polars.lit(1, polars.Int64)).write_parquet(target)
"""

OURS = """
import sys
from pathlib import Path
from mlwright.serve.batch import predict_file
bundle, source, target, keep = sys.argv[1:]
predict_file(Path(bundle), Path(source), Path(target), model_version=1,
             keep=None if keep == "all" else ["id"])
"""


def table(rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame({name: rng.normal(size=rows) for name in COLUMNS}).with_row_index("id")


def package(folder: Path) -> tuple[Path, Path]:
    """Return the bundle and the booster's own file."""
    import xgboost

    from mlwright.bundle.plan import NumberStep, Plan
    from mlwright.bundle.sources import FileSource
    from mlwright.bundle.write import Draft, write
    from mlwright.core.signature import Column, Signature
    from mlwright.profile.make import profile

    data = table(20_000)
    matrix = data.select(COLUMNS).to_numpy()
    target = (matrix[:, 0] * matrix[:, 1] + matrix[:, 2] > 0).astype(float)
    params = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.05}
    booster = xgboost.train(params, xgboost.DMatrix(matrix, target), 300)
    booster.save_model(folder / "model.json")
    columns = {name: data[name].to_numpy()[:500] for name in COLUMNS}
    signature = Signature(
        tuple(Column(name, "number") for name in COLUMNS), "binary", "y", (False, True)
    )
    raw = (folder / "model.json").read_bytes()
    bundle = write(
        Draft(
            name="bench",
            signature=signature,
            plan=Plan(tuple(NumberStep(name) for name in COLUMNS)),
            source=FileSource("xgboost", "model.json", raw, ("numpy", "xgboost")),
            algorithm="xgboost",
            profile=profile(columns, signature),
            card="",
            check_columns=columns,
            samples=[dict.fromkeys(COLUMNS, 0.5)],
            threshold=0.5,
        ),
        folder / "bundles",
    )
    print(f"runtime: {bundle.runtime}")
    return bundle.path, folder / "model.json"


class Command:
    """Runs a script in a process of its own, and keeps what it cost."""

    def __init__(self, script: str, *arguments: object) -> None:
        self._command = [sys.executable, "-c", script, *map(str, arguments)]
        self.cpu: list[float] = []
        self.memory = 0.0

    def seconds(self) -> float:
        started = time.perf_counter()
        process = subprocess.Popen(self._command)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit("a run failed")
        self.cpu.append(used.ru_utime + used.ru_stime)
        self.memory = max(self.memory, used.ru_maxrss / 1024)
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", choices=["id", "all"], default="id")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlw-") as name:
        folder = Path(name)
        bundle, booster = package(folder)
        source = folder / "in.parquet"
        table(given.rows).write_parquet(source)
        a = Command(OURS, bundle, source, folder / "a.parquet", given.keep)
        b = Command(BOOSTER, booster, source, folder / "b.parquet", given.keep)
        ratio = compare(a.seconds, b.seconds, rounds=given.rounds)
        same = pl.read_parquet(folder / "a.parquet"), pl.read_parquet(folder / "b.parquet")
        worst = float((same[0]["probability"] - same[1]["probability"]).abs().max() or 0)
        ordered = same[0]["id"].equals(same[1]["id"])
        print(f"A: mlwright predict, B: the booster; {given.rows:,} rows, keeps {given.keep}")
        print(ratio.text())
        for letter, each in (("A", a), ("B", b)):
            print(f"{letter}: {median(each.cpu):.2f} CPU s, {each.memory:.0f} MB at most")
        print(json.dumps({"same order": ordered, "largest difference": worst}))


if __name__ == "__main__":
    main()
