import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("optuna", reason="the search needs Optuna")

from sqlalchemy import select

from mlwright.core import state
from mlwright.core.errors import ConfigError
from mlwright.core.settings import SearchRange, Tune
from mlwright.core.workspace import Workspace
from mlwright.track import models, runs
from mlwright.train import tune as tuning
from mlwright.train.frameworks import FRAMEWORKS
from mlwright.train.start import params_of_run
from mlwright.train.tune import tune

SPACE = {"penalty": SearchRange(low=0.01, high=100.0, log=True)}


def search(workspace, table, **more):
    how = Tune(**{"trials": 6, "cv_folds": 3, "search_space": SPACE, **more})
    return tune(workspace, table, target="Churn", name="churn", algorithm="linear", how=how)


def rows_of(workspace):
    with workspace.state.read() as connection:
        return [dict(row) for row in connection.execute(select(state.runs)).mappings()]


def study_of(workspace):
    return next(row["tags"]["study"] for row in rows_of(workspace) if "study" in row["tags"])


@pytest.fixture
def tuned(workspace, churn):
    return search(workspace, churn)


def test_the_winner_is_trained_and_registered_and_the_gain_is_measured_apart(workspace, tuned):
    told = tuned.to_json()
    assert (told["trials"], told["version"], told["algorithm"]) == (6, 1, "linear")
    assert set(told["best_params"]) == {"penalty"}
    assert set(told["gain"]) == {"value", "low", "high", "n"}
    assert told["gain"]["n"] == told["rows"]["holdout"]
    assert told["within_noise"] is (told["gain"]["low"] <= 0 <= told["gain"]["high"])
    assert told["cpu_seconds"] > 0
    version = models.resolve(workspace, "churn")
    assert str(version.bundle) == told["bundle"]
    held = told["metrics"]["holdout"]["auc"]["value"] - told["baselines"]["default"]["auc"]["value"]
    assert told["gain"]["value"] == pytest.approx(held)


def test_every_trial_is_a_run_below_one_parent(workspace, tuned):
    found = rows_of(workspace)
    trials = [row for row in found if row["name"].startswith("trial ")]
    assert len(trials) == 6
    assert {row["parent"] for row in trials} == {tuned.run_id}
    assert {row["status"] for row in found} == {"finished"}
    for row in trials:
        whole = row["tags"]["outcome"] == "scored"
        assert ("cv_auc" in row["metrics"]) == whole
        assert row["metrics"]["folds"] == 3 or not whole
        assert set(row["params"]) == {"penalty"}
    parent = next(row for row in found if row["id"] == tuned.run_id)
    assert parent["tags"]["within_noise"] == str(tuned.within_noise).lower()
    assert parent["metrics"]["best_cv_auc"] == tuned.score
    drawn = workspace.folder / "studies" / tuned.study
    assert (drawn / "history.svg").read_text().startswith("<svg")


@pytest.mark.heavy
def test_the_same_command_goes_on_and_more_trials_are_added(workspace, churn, tuned):
    again = search(workspace, churn)
    assert (again.study, again.trials, again.best_params) == (tuned.study, 6, tuned.best_params)
    assert again.trained.bundle.path == tuned.trained.bundle.path
    assert search(workspace, churn, trials=8).trials == 8
    assert search(workspace, churn, cv_folds=4).study != tuned.study


@pytest.mark.heavy
def test_the_default_that_wins_gains_nothing(workspace, churn):
    found = search(workspace, churn, trials=1, search_space={"penalty": (1.0,)})
    assert found.gain.to_json() == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 100}
    assert found.within_noise
    assert "default" not in found.trained.baselines


@pytest.mark.heavy
def test_the_holdout_is_read_once(workspace, churn, monkeypatch):
    import mlwright.train.fit as fit

    read = []
    judge = fit.judge
    monkeypatch.setattr(fit, "judge", lambda *a, **k: read.append(1) or judge(*a, **k))
    search(workspace, churn)
    assert read == [1]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"optimization_metric": "r2"}, "the optimization metric 'r2' does not fit a binary task"),
        (
            {"search_space": {"penalty": (0.0, 1.0)}},
            "tune.search_space.penalty: linear's parameter 'penalty' must be above 0",
        ),
        ({"cv": "time"}, "cv by time needs a column of dates, and none was found"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_tried(workspace, churn, how, message):
    with pytest.raises(ConfigError) as caught:
        search(workspace, churn, **how)
    assert str(caught.value) == message
    assert rows_of(workspace) == []
    assert not (workspace.folder / "studies.db").exists()


@pytest.mark.heavy
def test_a_trial_that_is_refused_is_a_failed_run_and_the_search_goes_on(
    workspace, churn, monkeypatch
):
    framework = FRAMEWORKS.load("linear")
    fit = type(framework).fit

    def refusing(self, problem, train, *, params, **more):
        if params["penalty"] > 50:
            raise ConfigError("refused", hint="no")
        return fit(self, problem, train, params=params, **more)

    monkeypatch.setattr(type(framework), "fit", refusing)
    found = search(workspace, churn, search_space={"penalty": (1.0, 60.0)}, strategy="grid")
    assert (found.trials, found.failed, found.best_params) == (2, 1, {"penalty": 1.0})
    failed = [row for row in rows_of(workspace) if row["status"] == "failed"]
    assert [row["tags"]["reason"] for row in failed] == ["ConfigError: refused"]


@pytest.mark.heavy
def test_an_interrupt_leaves_failed_runs_and_a_search_that_goes_on(workspace, churn, monkeypatch):
    def interrupted(self, *_):
        raise KeyboardInterrupt

    from mlwright.train import trials

    with monkeypatch.context() as patch:
        patch.setattr(trials._Progress, "ended", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search(workspace, churn)
    ended = {row["name"]: row["status"] for row in rows_of(workspace)}
    assert ended == {"tune linear": "failed", "trial 0": "finished", "trial 1": "failed"}
    assert models.list_models(workspace) == []
    assert search(workspace, churn).trials == 6


def test_no_time_at_all_is_said(workspace, churn, monkeypatch):
    monkeypatch.setattr(tuning, "run_trials", lambda _: None)
    with pytest.raises(ConfigError, match=r"^no trial came to its end in time$"):
        search(workspace, churn)


_SEARCH = """
import sys
from pathlib import Path
import polars as pl
from mlwright.core.settings import Tune
from mlwright.core.workspace import Workspace
from mlwright.train.tune import tune
space = {"learning_rate": (0.02, 0.05, 0.1), "num_leaves": (3, 5, 7)}
found = tune(
    Workspace.create(Path(sys.argv[1])), pl.read_parquet(sys.argv[2]), target="Churn", name="churn",
    how=Tune(trials=int(sys.argv[3]), cv_folds=3, strategy="random", search_space=space),
    say=lambda line: print(line, flush=True),
)
print("END", found.trials, found.trained.version if found.trained else None, flush=True)
"""


def start(workspace, path, trials):
    return subprocess.Popen(
        [sys.executable, "-c", _SEARCH, str(workspace.root), str(path), str(trials)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.heavy
def test_after_kill_9_the_same_command_goes_on(workspace, churn, tmp_path):
    path = tmp_path / "churn.parquet"
    churn.write_parquet(path)
    first = start(workspace, path, 12)
    for line in first.stdout:
        if ", 3 of 12:" in line:
            break
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = start(workspace, path, 12)
    said = second.communicate(timeout=100)[0]
    assert "trials are done" in said
    assert said.splitlines()[-1] == "END 12 1"
    killed = [row for row in rows_of(Workspace(workspace.root)) if row["status"] == "killed"]
    assert "tune lightgbm" in [row["name"] for row in killed]
    ended = [
        row
        for row in rows_of(workspace)
        if row["name"][:5] == "trial" and row["tags"].get("outcome")
    ]
    assert len(ended) in (12, 13)  # a run may have been killed after its score was kept


@pytest.mark.heavy
def test_two_processes_share_one_study(workspace, churn, tmp_path):
    path = tmp_path / "churn.parquet"
    churn.write_parquet(path)
    both = [start(workspace, path, 10) for _ in range(2)]
    ends = [process.communicate(timeout=100)[0].splitlines() for process in both]
    assert sorted(lines[-1] for lines in ends) == ["END 10 1", "END 10 None"]
    told = f"another process, which shares {study_of(workspace)}, trains and registers it"
    assert sum(told in lines for lines in ends) == 1
    assert len(models.list_models(workspace)) == 1
    ran = [sum(line.startswith("trial ") for line in lines) for lines in ends]
    assert sum(ran) == 10


def test_a_search_starts_from_what_did_well_before(workspace, churn, tuned):
    """The default is tried first, then the winner of the search before."""
    best = params_of_run(workspace, tuned.run_id, "linear")
    assert best == params_of_run(workspace, "churn:1", "linear")
    assert best["penalty"] == tuned.best_params["penalty"]
    again = tune(
        workspace,
        churn,
        target="Churn",
        name="churn",
        algorithm="linear",
        how=Tune(trials=2, cv_folds=4, search_space=SPACE),
        start_from=best,
    )
    found = [row for row in rows_of(workspace) if row["parent"] == again.run_id]
    second = next(row for row in found if row["name"] == "trial 1")
    assert second["params"]["penalty"] == best["penalty"]
    with pytest.raises(
        ConfigError, match=r"^a search for lightgbm cannot start from churn:1, which fitted linear$"
    ):
        params_of_run(workspace, "churn:1", "lightgbm")


def test_a_search_that_trained_nothing_is_no_start(workspace):
    with runs.start(workspace, experiment="churn", name="tune linear", params={}) as run:
        pass
    with pytest.raises(
        ConfigError, match=rf"^the search {run.id[:12]} trained no model to start from$"
    ):
        params_of_run(workspace, run.id, "linear")
