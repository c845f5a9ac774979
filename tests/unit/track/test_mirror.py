"""Against a real MLflow store on SQLite: made once, since that takes seconds."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.settings import Settings, Tracking
from mlwright.core.signature import Column, Signature
from mlwright.core.workspace import Workspace
from mlwright.profile.make import profile
from mlwright.track import mirror, models, runs
from mlwright.track.records import find_run

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mlflow import MlflowClient


FIRST = """
import os, sys
from pathlib import Path
from mlwright.core.workspace import Workspace
from mlwright.track import mirror, runs
before = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
workspace = Workspace.create(Path(sys.argv[1]))
mirror.prepare(workspace)
with runs.start(workspace, experiment="a", name="a", params={}):
    pass
assert mirror.flush(workspace).sent == 2
assert before == {name: v for name, v in os.environ.items() if name.startswith("MLFLOW_")}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace whose MLflow store has its tables, and what was said while they were made."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "cwd").mkdir()
    answer = subprocess.run(
        [sys.executable, "-W", "always", "-c", FIRST, str(folder / "ws")],
        capture_output=True,
        text=True,
        cwd=folder / "cwd",
        env={name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
    )
    return Workspace(folder / "ws"), answer


@pytest.fixture
def store(made):
    return made[0]


@pytest.fixture
def client(store):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, of SQLAlchemy
        return MlflowClient(mirror.uri(store), mirror.uri(store))


def bundle(workspace, name):
    signature = Signature((Column("tenure", "number"),), "binary", "churn", ("No", "Yes"))
    columns = {"tenure": np.arange(10.0)}
    draft = Draft(
        name=name,
        signature=signature,
        plan=Plan((NumberStep("tenure"),)),
        source=LinearSource(np.array([1.0]), -5.0, "logistic"),
        algorithm="linear",
        profile=profile(columns, signature),
        card="",
        check_columns=columns,
    )
    return write(draft, workspace.bundles)


def unreachable(workspace, uri):
    """The same workspace, while the tracker that it names does not answer."""
    other = Workspace(workspace.root)
    other.settings = Settings(tracking=Tracking(uri=uri))
    return other


def there(store, client, run):
    """The run as MLflow has it."""
    return client.get_run(find_run(store, run.id).mlflow_id)


def test_a_run_is_there_from_its_beginning_to_its_end(store, client, tmp_path):
    (tmp_path / "card.md").write_text("# card")
    with runs.start(
        store, experiment="online", name="lightgbm", params={"depth": 3}, tags={"seed": "0"}
    ) as parent:
        assert mirror.flush(store).sent == 1
        begun = there(store, client, parent)
        assert (begun.info.status, begun.data.params) == ("RUNNING", {"depth": "3"})
        with runs.start(store, experiment="online", name="dummy", params={}, parent=parent) as run:
            run.log_metrics({"auc": 0.5})
        parent.log_metrics({"auc": 0.8})
        parent.attach(tmp_path / "card.md")
    assert mirror.flush(store) == mirror.Flushed(3, 0, None)
    found = there(store, client, parent)
    assert found.info.run_id == begun.info.run_id
    assert find_run(store, found.info.run_id[:12]).id == parent.id
    assert (found.info.run_name, found.info.status) == ("lightgbm", "FINISHED")
    assert found.data.params == {"depth": "3"}
    assert found.data.metrics == {"auc": 0.8}
    assert found.data.tags["seed"] == "0"
    assert [file.path for file in client.list_artifacts(found.info.run_id)] == ["card.md"]
    child = there(store, client, run)
    assert child.data.tags["mlflow.parentRunId"] == found.info.run_id
    artifacts = (store.folder / "mlruns").as_uri()
    assert client.get_experiment_by_name("online").artifact_location == artifacts


def test_a_failed_run_is_failed_there_too(store, client):
    failing = runs.start(store, experiment="failing", name="a", params={})
    with pytest.raises(ValueError, match="no rows"), failing as run:
        raise ValueError("no rows")
    mirror.flush(store)
    found = there(store, client, run)
    assert found.info.status == "FAILED"
    assert found.data.tags["reason"] == "ValueError"


def test_versions_and_aliases_follow_in_order(store, client):
    with runs.start(store, experiment="registry", name="a", params={}) as run:
        pass
    for _ in range(2):
        models.register(store, "churn", bundle(store, "churn"), run=run.id)
    models.set_alias(store, "churn", "champion", 2)
    models.set_alias(store, "churn", "champion", 1)
    assert mirror.flush(store) == mirror.Flushed(7, 0, None)
    assert mirror.flush(store) == mirror.Flushed(0, 0, None)
    assert client.get_model_version_by_alias("churn", "champion").version in (1, "1")
    assert client.get_model_version("churn", "2").run_id == find_run(store, run.id).mlflow_id


LOAD = """
import sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
for _ in range(2):
    model = mlflow.pyfunc.load_model("models:/plain@champion")
table = model.predict(pandas.DataFrame({"tenure": [1, 9]}))
print(table["prediction"].tolist(), table["probability"].round(3).tolist())
"""


def test_a_plain_client_loads_the_champion(store, tmp_path):
    models.register(store, "plain", bundle(store, "plain"))
    assert mirror.flush(store).pending == 0
    command = [sys.executable, "-c", LOAD, mirror.uri(store)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ)
    assert answer.stdout == "['No', 'Yes'] [0.018, 0.982]\n", answer.stderr
    assert not list(store.bundles.rglob("registered_model_meta"))


def test_what_happened_while_it_was_down_arrives_later(store, client, down):
    offline = unreachable(store, down)
    with runs.start(offline, experiment="later", name="parent", params={"a": 1}) as parent:
        options = {"experiment": "later", "name": "child", "params": {}}
        with runs.start(offline, parent=parent, **options) as child:
            child.log_metrics({"auc": 0.5})
    models.register(offline, "later", bundle(offline, "later"), run=parent.id)
    assert mirror.flush(offline).pending == 4
    assert mirror.flush(store) == mirror.Flushed(4, 0, None)
    experiment = client.get_experiment_by_name("later").experiment_id
    found = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert set(found) == {"parent", "child"}
    above = found["child"].data.tags["mlflow.parentRunId"]
    assert above == found["parent"].info.run_id
    assert found["child"].data.metrics == {"auc": 0.5}
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    assert client.get_model_version_by_alias("later", "champion").run_id == above


def test_a_run_is_not_made_twice_when_sending_died_before_its_id_was_kept(
    store, client, monkeypatch
):
    def die(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(mirror, "_set_id", die)
        with (
            runs.start(store, experiment="twice", name="a", params={}),
            pytest.raises(SystemExit),
        ):
            mirror.flush(store)
        with store.state.write() as connection:
            connection.exec_driver_sql("UPDATE runs SET status = 'running' WHERE name = 'a'")
            connection.exec_driver_sql("DELETE FROM outbox WHERE kind = 'run'")
            connection.exec_driver_sql('UPDATE runs SET process = \'{"pid": 1, "started": "-1"}\'')
    runs.mark_dead(store)
    assert mirror.flush(store).pending == 0
    (found,) = client.search_runs([client.get_experiment_by_name("twice").experiment_id])
    assert found.info.status == "KILLED"


def test_what_is_refused_stays_and_lets_the_rest_pass(store, client):
    gone = bundle(store, "gone")
    models.register(store, "gone", gone)
    hidden = gone.path.rename(store.bundles / "hidden")
    with runs.start(store, experiment="after", name="a", params={}) as run:
        pass
    lines = []
    found = mirror.flush(store, say=lines.append)
    assert (found.sent, found.pending) == (2, 2)
    assert there(store, client, run).info.status == "FINISHED"
    assert found.error == f"{gone.path} is no longer there"
    assert lines == [
        f"the tracker refused a version: {gone.path} is no longer there",
        "the tracker refused a alias: MLflow has no version 1 of gone",
    ]
    hidden.rename(gone.path)
    assert mirror.flush(store) == mirror.Flushed(2, 0, None)


def test_an_alias_that_is_sent_late_does_not_go_back(store, client):
    first = bundle(store, "late")
    models.register(store, "late", first)
    hidden = first.path.rename(store.bundles / "away")
    mirror.flush(store)
    models.register(store, "late", bundle(store, "later"))
    models.set_alias(store, "late", "champion", 2)
    mirror.flush(store)
    hidden.rename(first.path)
    mirror.flush(store)
    newest = client.get_model_version_by_alias("late", "champion")
    assert newest.tags["mlwright.version"] == "2"


def test_a_new_store_is_made_without_a_word_and_nothing_beside_it(made):
    store, answer = made
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert list((store.root.parent / "cwd").iterdir()) == []


def test_the_command_that_shows_the_runs(workspace):
    uri = f"sqlite:///{workspace.folder}/mlflow.db"
    assert mirror.uri(workspace) == uri
    assert mirror.ui_command(workspace) == f"mlflow ui --backend-store-uri {uri}"
