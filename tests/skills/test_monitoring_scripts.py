"""The monitoring script of the seed, run as the seed writes it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl

SCRIPTS = Path(__file__).parents[2] / "skills/senior-ml-engineer/scripts"


def test_the_suite_checks_a_folder_of_logs_and_tells(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "production_logs").mkdir()
    shifted = pl.DataFrame({"pay": rng.normal(0.5, 1, 900), "plan": ["a", "b", "c"] * 300})
    shifted.write_ndjson(tmp_path / "production_logs" / "day.jsonl")
    pl.DataFrame({"pay": rng.normal(0, 1, 3000), "plan": ["a", "b", "c"] * 1000}).write_csv(
        tmp_path / "training_data.csv"
    )
    flags = [
        "--alert_on_drift",
        "true",
        "--drift_threshold",
        "0.05",
        "--performance_threshold",
        "0.85",
    ]
    done = subprocess.run(
        [
            sys.executable,
            str(SCRIPTS / "ml_monitoring_suite.py"),
            "./production_logs/",
            "--reference_data",
            "./training_data.csv",
            *flags,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "verdict        drift" in done.stdout
    assert "in pay (threshold: 0.05)" in (tmp_path / "alerts.txt").read_text()
