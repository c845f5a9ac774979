"""What a report of a month costs from the kept hours, with the log gone.

Run: python bench/monitor_month.py [--days 30] [--rows-an-hour 1000] [--workers 2]
Times are wall seconds and, beside them, CPU seconds, for machines that are shared.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from sqlalchemy import insert

from mlwright.bundle.plan import NumberStep, OneHotStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.signature import Column, Signature
from mlwright.core.state import environments
from mlwright.core.workspace import Workspace
from mlwright.monitor.hours import keep
from mlwright.monitor.report import report
from mlwright.monitor.report import write as write_report
from mlwright.predictions.labels import add
from mlwright.predictions.lines import Prediction, line
from mlwright.predictions.segment import Segment
from mlwright.profile.make import profile
from mlwright.stats.bootstrap import bootstrap_metrics
from mlwright.track.models import register

NUMBERS, CATEGORIES = 20, 10
WORDS = np.array([f"cat_{k}" for k in range(12)])
SIGNATURE = Signature(
    (
        *(Column(f"n{i}", "number") for i in range(NUMBERS)),
        *(Column(f"c{i}", "category") for i in range(CATEGORIES)),
    ),
    "binary",
    "left",
    ("No", "Yes"),
)
PLAN = Plan(
    (
        *(NumberStep(f"n{i}", 0.0) for i in range(NUMBERS)),
        *(OneHotStep(f"c{i}", tuple(WORDS)) for i in range(CATEGORIES)),
    )
)


def draw(rng: np.random.Generator, rows: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    columns = {f"n{i}": rng.normal(shift if i == 0 else 0, 1, rows) for i in range(NUMBERS)}
    return columns | {f"c{i}": WORDS[rng.integers(0, 12, rows)] for i in range(CATEGORIES)}


def served(workspace: Workspace) -> Path:
    """Make a model that answers, and return the folder of its log."""
    rng = np.random.default_rng(0)
    columns = {n: v.astype(object) if n[0] == "c" else v for n, v in draw(rng, 20_000).items()}
    weights = np.r_[1.0, np.zeros(NUMBERS - 1 + 12 * CATEGORIES)]
    scores = 1 / (1 + np.exp(-columns["n0"]))
    truth = (rng.random(20_000) < scores).astype(int)
    metrics = bootstrap_metrics("binary", truth, (scores > 0.5).astype(int), scores, repeats=100)
    bundle = write(
        Draft(
            name="m",
            signature=SIGNATURE,
            plan=PLAN,
            source=LinearSource(weights, 0.0, "logistic"),
            algorithm="linear",
            profile=profile(columns, SIGNATURE, scores=scores),
            card="# m",
            check_columns={name: values[:20] for name, values in columns.items()},
            threshold=0.5,
            metrics={"holdout": {name: value.to_json() for name, value in metrics.items()}},
            importance={"n0": 1.0},
        ),
        workspace.bundles,
    )
    register(workspace, "m", bundle)
    row = {"platform": "local", "wanted": "running", "settings": {}, "updated": 0.0}
    with workspace.state.write() as connection:
        connection.execute(
            insert(environments).values(name="production", model="m", version=1, **row)
        )
    return workspace.environment("production") / "log"


def answer(log: Path, hour: float, worker: int, rows: int, rng: np.random.Generator, shift: float):
    columns = draw(rng, rows, shift)
    scores = 1 / (1 + np.exp(-columns["n0"]))
    values = {name: column.tolist() for name, column in columns.items()}
    segment = Segment(log, "predictions")
    segment.append(
        [
            line(
                Prediction(
                    time=hour + 3600 * place / rows,
                    request_id=f"{hour:.0f}-{worker}-{place}",
                    key=None,
                    model="m",
                    version=1,
                    features={name: column[place] for name, column in values.items()},
                    prediction="Yes" if scores[place] > 0.5 else "No",
                    score=float(scores[place]),
                    latency_ms=float(1 + place % 50),
                    route="champion",
                )
            )
            for place in range(rows)
        ]
    )
    segment.close()
    newest = max(log.glob("predictions-*.jsonl"), key=lambda path: path.stat().st_mtime)
    os.utime(newest, (hour + 3600,) * 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rows-an-hour", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--labelled", type=int, default=20_000)
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder))
        log = served(workspace)
        end = time.time() // 86_400 * 86_400 - 86_400
        begin = end - asked.days * 86_400
        for hour in np.arange(begin, end, 3600.0).tolist():
            for worker in range(asked.workers):
                shift = 0.5 if hour > begin + 20 * 86_400 else 0.0
                answer(log, hour, worker, asked.rows_an_hour // asked.workers, rng, shift)
        rows = asked.days * 24 * asked.rows_an_hour
        wanted = rng.choice(np.arange(begin, end, 3600.0), asked.labelled)
        pairs = {
            f"{h:.0f}-0-{i % (asked.rows_an_hour // asked.workers)}" for i, h in enumerate(wanted)
        }
        add(log, [(name, "Yes" if rng.random() < 0.5 else "No") for name in sorted(pairs)])
        say("counting the log", rows, lambda: keep(workspace, "production"))
        for path in log.glob("predictions-*"):
            path.unlink()
        made = report(workspace, "production", since=begin, until=end)
        print(made.check.sentence, [shift.begin for shift in made.shifts])
        say(
            "the report, page and JSON, no log",
            rows,
            lambda: write_report(
                report(workspace, "production", since=begin, until=end), Path(folder) / "r.html"
            ),
        )
        size = sum(path.stat().st_size for path in log.parent.rglob("*.profile"))
        page = (Path(folder) / "r.html").stat().st_size
        print(f"profiles: {size / 1e6:.1f} MB, page {page:,} bytes")


def say(name: str, rows: int, action) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:<40}{rows:>10,} rows{wall:>8.2f} s wall{cpu:>8.2f} s CPU", flush=True)


if __name__ == "__main__":
    main()
