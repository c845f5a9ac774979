"""What a trial's run costs: its two writes to the workspace, and telling MLflow of it.

    python bench/tracking.py [--trials 100]

MLflow is on SQLite in a store that exists; its import and the opening of the store are done before
and not counted, as they are paid once a command. A trial has 8 parameters and 12 metrics, as those
of `mlwright tune` have. Beside it, the same runs by MLflow's own fluent calls.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlwright.core.workspace import Workspace
from mlwright.track import mirror, runs

PARAMS = {f"parameter_{number}": 0.1 * number for number in range(8)}
METRICS = {f"metric_{number}": 0.01 * number for number in range(12)}


def timed(work: Callable[[], None], trials: int) -> str:
    """Return the milliseconds a trial, of the wall and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return f"{wall / trials * 1000:6.1f} ms, CPU {cpu / trials * 1000:6.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100)
    count = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder))
        with runs.start(workspace, experiment="bench", name="search", params={}) as parent:
            mirror.flush(workspace)  # makes the store

            def write() -> None:
                for _ in range(count):
                    with runs.start(
                        workspace, experiment="bench", name="trial", params=PARAMS, parent=parent
                    ) as run:
                        run.log_metrics(METRICS)

            def tell() -> None:
                told = mirror.flush(workspace)
                if told.error:
                    raise SystemExit(told.error)

            print(f"a trial, mean of {count}:")
            print(f"  written to the workspace      {timed(write, count)}")
            print(f"  told to MLflow by the sender  {timed(tell, count)}")

        import mlflow

        mlflow.set_tracking_uri(mirror.uri(workspace))
        mlflow.set_experiment("fluent")

        def fluent() -> None:
            for _ in range(count):
                with mlflow.start_run(nested=True):
                    mlflow.log_params(PARAMS)
                    mlflow.log_metrics(METRICS)

        with mlflow.start_run():
            print(f"  by MLflow's fluent calls      {timed(fluent, count)}")


if __name__ == "__main__":
    main()
