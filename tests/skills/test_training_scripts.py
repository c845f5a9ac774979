"""The scripts of training, tuning and validation, with the flags that users know, verbatim."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "skills" / "senior-ml-engineer" / "scripts"
NAMES = (
    "train",
    "train_baseline",
    "train_xgboost",
    "hyperparameter_tuning",
    "validate",
    "validate_model",
)


def script(name, *arguments, folder):
    return subprocess.run(
        [sys.executable, str(SCRIPTS / f"{name}.py"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def customers(path, seed):
    chance = random.Random(seed)
    lines = ["tenure,fee,churned"]
    for _ in range(300):
        tenure = chance.random()
        lines.append(
            f"{tenure:.6f},{chance.random():.4f},{'yes' if tenure + chance.random() > 1 else 'no'}"
        )
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_a_command_from_any_folder(name, tmp_path):
    done = script(name, "--help", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: mlwright ")
    assert "Example" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_script_has_no_logic_of_its_own(name):
    lines = (SCRIPTS / f"{name}.py").read_text().splitlines()
    assert len(lines) == 8
    assert lines[-1].startswith("    sys.exit(main([")


@pytest.mark.heavy
def test_the_workflow_as_it_is_written(tmp_path):
    customers(tmp_path / "customer_churn.csv", 0)
    customers(tmp_path / "test.csv", 1)
    (tmp_path / "mlwright.yaml").write_text(
        "model: {dataset: customer_churn.csv, target: churned, algorithm: xgboost}\n"
    )
    arguments = ["--max_depth", "3", "--learning_rate", "0.01", "--n_estimators", "100"]
    trained = script("train", *arguments, folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    run = next(line for line in trained.stdout.splitlines() if line.startswith("Run: ")).split()[1]
    assert "auc" in trained.stdout
    data = ["--data", "customer_churn.csv", "--target", "churned"]
    baseline = script("train_baseline", *data, folder=tmp_path)
    assert baseline.returncode == 0, baseline.stderr
    assert "dummy" in baseline.stdout
    tuned = script("train_xgboost", *data, "--experiments", "2", folder=tmp_path)
    assert tuned.returncode == 0, tuned.stderr
    search = ["--trials", "2", "--cv_folds", "3", "--optimization_metric", "f1"]
    tuned = script("hyperparameter_tuning", *data, *search, folder=tmp_path)
    assert tuned.returncode == 0, tuned.stderr
    for name in ("validate", "validate_model"):
        done = script(name, "--run_id", run[:12], "--test_data", "test.csv", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Report:" in done.stdout
    missed = script(
        "validate", "--run_id", run, "--test_data", "test.csv", "--min", "auc=1", folder=tmp_path
    )
    assert missed.returncode == 5
