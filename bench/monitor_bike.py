"""A drift that is known: bicycles hired by the hour, of 2011 and of 2012, month by month.

    python bench/monitor_bike.py bike_sharing_hourly.csv

A model learns the hires of the odd days of 2011 from hour, day and weather. Each month of 2012 is
checked by `mlwright monitor check` against the even days of the same month of 2011, so that the
seasons are no drift: the town hires more by two thirds at the same hour and weather, which no
column tells (concept drift). Then the answers of 2012, in the order of its hours, get their labels,
and `mlwright retrain run` makes a challenger, which the newest rows judge.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import polars as pl

FEATURES = [
    "mnth",
    "hr",
    "holiday",
    "weekday",
    "workingday",
    "weathersit",
    "temp",
    "atemp",
    "hum",
    "windspeed",
]
TARGET = "cnt"


def mlwright(*arguments: object) -> dict[str, Any]:
    """Run a command, and return what it prints as JSON."""
    command = [sys.executable, "-m", "mlwright", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[2:])}\n{done.stderr}")
    return dict(json.loads(done.stdout))


def predicted(url: str, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the answers of a server, in order."""
    found: list[dict[str, Any]] = []
    for part in rows.select(FEATURES).iter_slices(1000):
        body = json.dumps({"records": part.to_dicts()}).encode()
        asked = urllib.request.Request(
            f"{url}/predict", body, headers={"content-type": "application/json"}
        )
        found += json.load(urllib.request.urlopen(asked))["predictions"]
    return found


def main() -> None:
    table = pl.read_csv(sys.argv[1]).with_columns(
        pl.col(FEATURES).cast(pl.Float64),
        odd=pl.col("dteday").str.split("/").list.get(1).cast(pl.Int64) % 2 == 1,
    )
    first, second = (table.filter(pl.col("yr") == year) for year in (0, 1))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        here = ("--workspace", folder)
        learned = folder / "learned.parquet"
        first.filter("odd").select(*FEATURES, TARGET).write_parquet(learned)
        mlwright("init", folder)
        mlwright("train", "--data", learned, "--target", TARGET, "--name", "bikes", *here)
        url = mlwright("deploy", "bikes", "production", *here)["url"]
        try:
            kept = first.filter(~pl.col("odd"))
            before, after = predicted(url, kept), predicted(url, second)
            months(folder, told(kept, before), told(second, after))
            labels = folder / "labels.csv"
            lines = [f"{a['request_id']},{n}" for a, n in zip(after, second[TARGET], strict=True)]
            labels.write_text("\n".join(["request_id,label", *lines]))
            mlwright("monitor", "label", labels, *here)
            done = mlwright("retrain", "run", "--reason", "drift", "--no-deploy", "--yes", *here)
            print(f"{done['challenger']}: {done['decision']}: {done['why']}")
        finally:
            mlwright("stop", "production", "--yes", *here)


def told(rows: pl.DataFrame, answers: list[dict[str, Any]]) -> pl.DataFrame:
    """Return the rows with what was predicted."""
    numbers = [float(answer["prediction"]) for answer in answers]
    return rows.select(*FEATURES, TARGET).with_columns(predicted=pl.Series(numbers))


def months(folder: Path, first: pl.DataFrame, second: pl.DataFrame) -> None:
    """Print the check of each month of 2012 against the same month of 2011."""
    columns = folder / "columns.yaml"
    columns.write_text(f"label: {TARGET}\nprediction: predicted\nignore: [mnth]\n")
    print("2012   rows  verdict   MAE now [99%]         in 2011 [95%]         columns that differ")
    for month in range(1, 13):
        for name, rows in (("before", first), ("now", second)):
            rows.filter(pl.col("mnth") == month).write_parquet(folder / f"{name}.parquet")
        asked = (folder / "now.parquet", "--reference-data", folder / "before.parquet")
        found = mlwright("monitor", "check", *asked, "--columns", columns)
        mae = found["performance"]["metrics"]["mae"]
        print(
            f"{month:>5} {found['rows']:>6}  {found['verdict']:<9} {spread(mae['current']):<21} "
            f"{spread(mae['baseline']):<21} {', '.join(found['drifted']) or '-'}"
        )


def spread(value: dict[str, float]) -> str:
    """Return a value with its interval."""
    return f"{value['value']:5.1f} [{value['low']:.1f}, {value['high']:.1f}]"


if __name__ == "__main__":
    main()
