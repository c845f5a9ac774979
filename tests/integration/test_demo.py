"""The demo: killed in the middle and run again in its workspace; and with nothing changed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlwright.core.workspace import Workspace
from mlwright.demo import story
from mlwright.predictions import reader
from mlwright.track import mirror, models

OUTCOMES = {
    "init": "ok",
    "train": "ok",
    "deploy": "ok",
    "serve": "ok",
    "monitor": "ok",
    "drift": "drift_found",
    "retrain": "promoted",
    "rollback": "rolled_back",
    "report": "ok",
}


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of all living processes that name this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in line and int(entry.parent.name) != os.getpid():
            found.append(line)
    return found


def demo(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mlwright", "demo", "--workspace", str(folder), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which a demo was killed while its model was answering."""
    folder = tmp_path_factory.mktemp("demo")
    killed = demo(folder)
    for line in killed.stderr:
        if line.startswith("6/9"):
            break
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert processes_of(folder), "the environment outlives the command that made it"
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict:
    """What the demo said when it was run again there."""
    done = demo(folder)
    out, err = done.communicate(timeout=180)
    assert done.returncode == 0, err
    assert "Traceback" not in err
    return json.loads(out)


@pytest.mark.timeout(240)
def test_after_a_kill_it_runs_to_its_end_and_leaves_no_process(folder, told):
    assert {step["name"]: step["outcome"] for step in told["steps"]} == OUTCOMES
    assert processes_of(folder) == []


@pytest.mark.timeout(240)
def test_the_report_is_one_file_that_fetches_nothing(told):
    page = Path(told["report"]).read_text()
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/", "").replace("http://127.0.0.1", "")
    assert len(page) < 2_000_000
    for words in ("churn:", "ML Model Alert", "Incident:", "monthly_charges"):
        assert words in page


@pytest.mark.timeout(240)
def test_what_drifted_is_what_was_moved(told):
    drift = next(step for step in told["steps"] if step["name"] == "drift")
    assert {"contract", "monthly_charges"} <= set(drift["drifted"])
    for untouched in ("female", "phone_service"):
        assert untouched not in drift["drifted"]
    found = [f for f in drift["findings"] if f["drifted"] and f["kind"] == "data_drift"]
    ranks = [f["effect"] * f["importance"] for f in found]
    assert ranks == sorted(ranks, reverse=True)


@pytest.mark.timeout(240)
def test_no_request_was_lost_or_failed(told):
    for name in ("serve", "retrain", "rollback"):
        step = next(step for step in told["steps"] if step["name"] == name)
        assert step["answered"] > 0
        assert step["failed"] == 0
    rollback = next(step for step in told["steps"] if step["name"] == "rollback")
    assert rollback["lost"] == 0
    assert "rolled back" in Path(rollback["incident"]).read_text()


@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_plain_mlflow_client_sees_the_runs_and_loads_the_champion(folder, told):
    import mlflow

    workspace = Workspace(folder)
    champion = models.champion(workspace, "churn")
    retrained = next(step for step in told["steps"] if step["name"] == "retrain")
    assert champion.version == retrained["challenger"]
    mlflow.set_tracking_uri(mirror.uri(workspace))
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("churn")
    found = client.search_runs([experiment.experiment_id])
    trained = next(step for step in told["steps"] if step["name"] == "train")
    mine = next(run for run in found if run.data.tags["mlwright.run"] == trained["run_id"])
    assert mine.info.status == "FINISHED"
    assert mine.data.metrics["holdout_auc"] == trained["metrics"]["holdout"]["auc"]["value"]
    aliased = client.get_model_version_by_alias("churn", "champion")
    assert int(aliased.version) == champion.version
    loaded = mlflow.pyfunc.load_model("models:/churn@champion")
    answers = loaded.predict(_first_customers(folder))
    assert set(answers["prediction"]) <= {"Yes", "No"}
    assert answers["probability"].between(0, 1).all()


def _first_customers(folder: Path):
    import pandas as pd
    import polars as pl

    table = pl.read_parquet(folder / "customers.parquet").head(50)
    return pd.DataFrame(table.to_dict(as_series=False))


@pytest.mark.timeout(240)
def test_where_the_champion_is_right_about_everybody_it_stays(tmp_path):
    done = story.run(tmp_path, changed_response=False)
    outcomes = {step.name: step.outcome for step in done.steps}
    assert outcomes == {**OUTCOMES, "retrain": "champion_stays"}
    assert models.champion(Workspace(tmp_path), "churn").version == 1
    assert processes_of(tmp_path) == []
    log = reader.read(Workspace(tmp_path).environment("production") / "log")
    assert log.skipped == 0
