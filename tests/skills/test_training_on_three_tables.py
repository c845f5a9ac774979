"""Training by its scripts, verbatim, on the three shapes of table that users bring."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

SCRIPTS = Path(__file__).parents[2] / "skills" / "senior-ml-engineer" / "scripts"

pytestmark = pytest.mark.heavy


def customers(rng, rows=600):
    """Numbers, categories, numbers as text with blanks, an id, and a class that follows two."""
    tenure = rng.integers(0, 70, rows)
    contract = rng.choice(["monthly", "yearly"], rows)
    chance = 1 / (1 + np.exp(0.08 * tenure - 2 * (contract == "monthly")))
    return pl.DataFrame(
        {
            "customerID": [f"{n:04}-X" for n in range(rows)],
            "tenure": tenure,
            "contract": contract,
            "total": [" " if n % 40 == 0 else f"{t * 20.5:.2f}" for n, t in enumerate(tenure)],
            "target": np.where(rng.random(rows) < chance, "Yes", "No"),
        }
    )


def rentals(rng, rows=900):
    """Rows of days, whose number follows the season and the hour."""
    days = [date(2024, 1, 1) + timedelta(n // 3) for n in range(rows)]
    hour = rng.integers(0, 24, rows)
    season = np.sin(np.arange(rows) / 3 * 2 * np.pi / 30)
    count = 50 + 30 * season + 2 * hour + rng.normal(0, 5, rows)
    return pl.DataFrame({"day": days, "hour": hour, "season": season.round(3), "target": count})


def messages(rng, rows=500):
    """Sentences, of which some have a word that gives them away."""
    words = np.array([f"word{n}" for n in range(300)])
    spam = rng.random(rows) < 0.3
    texts = [" ".join(rng.choice(words, 9)) + (" prize" if s else " dinner") for s in spam]
    return pl.DataFrame({"text": texts, "target": np.where(spam, "spam", "ham")})


TABLES = {
    "customers": (customers, "auc", 0.7, "f1"),
    "rentals": (rentals, "r2", 0.5, "rmse"),
    "messages": (messages, "auc", 0.95, "auc"),
}


def answer(arguments, folder):
    done = subprocess.run(
        [sys.executable, *arguments, "--json"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TABLES)
def test_every_row_runs_and_mlflow_knows_all_of_it(name, tmp_path):
    make, metric, least, search_metric = TABLES[name]
    table = make(np.random.default_rng(0))
    table[: int(0.8 * table.height)].write_csv(tmp_path / "data.csv")
    table[int(0.8 * table.height) :].write_csv(tmp_path / "test.csv")
    (tmp_path / "mlwright.yaml").write_text("model: {dataset: data.csv, target: target}\n")

    def script(name, *arguments):
        return answer([str(SCRIPTS / f"{name}.py"), *arguments], tmp_path)

    def command(*arguments):
        return answer(["-m", "mlwright", *arguments], tmp_path)

    data = ["--data", "data.csv", "--target", "target"]
    boosting = ["--max_depth", "3", "--learning_rate", "0.1", "--n_estimators", "100"]
    trained = script("train", *boosting)
    assert trained["metrics"]["holdout"][metric]["value"] > least
    baselines = script("train_baseline", *data)
    assert [run["algorithm"] for run in baselines["runs"]] == ["dummy", "linear"]
    assert script("train_xgboost", *data, "--experiments", "2")["trials"] == 2
    search = ["--trials", "2", "--cv_folds", "3", "--optimization_metric", search_metric]
    tuned = script("hyperparameter_tuning", *data, *search)
    assert (tuned["metric"], tuned["version"]) == (search_metric, 3)
    run = ["--run_id", trained["run_id"], "--test_data", "test.csv"]
    found = script("validate", *run, "--min", f"{metric}={least}")
    assert found["passed"]
    assert script("validate_model", *run)["metrics"].keys() == found["metrics"].keys()
    compared = command("runs", "compare", trained["run_id"], tuned["run_id"])
    assert compared["rows"] > 0
    assert command("runs", "verify", trained["run_id"])["reproduced"]
    kept = command("runs", "list")["runs"]
    assert {each["status"] for each in kept} == {"finished"}
    assert all("mlflow_run" in each["tags"] for each in kept)
