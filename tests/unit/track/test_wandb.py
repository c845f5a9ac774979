"""Against W&B's own process and files, offline: what a run leaves is read back from them."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("wandb", reason="tracking.wandb needs it")

from mlwright.core.settings import Settings, Tracking, Wandb
from mlwright.core.workspace import Workspace
from mlwright.track import mirror, models, runs, wandb_process

NOWHERE = "http://127.0.0.1:1"


def with_wandb(workspace, **options):
    other = Workspace(workspace.root)
    other.settings = Settings(tracking=Tracking(uri=NOWHERE, wandb=Wandb(**options)))
    return other


@pytest.fixture
def team(workspace):
    """A workspace that tells W&B offline, and whose MLflow is down."""
    return with_wandb(workspace, mode="offline", project="churn-team", entity="us")


def records(path):
    """Read a run's file: LevelDB's log of W&B's own records (`wandb.proto`)."""
    from wandb.proto import wandb_internal_pb2

    data, part, found, at = path.read_bytes(), b"", [], 7
    assert data[:4] == b":W&B"
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        part += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(part)
            found.append(record)
            part = b""
    return found


def kept(workspace, run_id):
    (path,) = workspace.folder.glob(f"wandb/wandb/offline-run-*-{run_id}/run-{run_id}.wandb")
    found = records(path)
    kinds = {record.WhichOneof("record_type"): record for record in found}
    config = {item.key: json.loads(item.value_json) for r in found for item in r.run.config.update}
    summary = {
        (item.key or item.nested_key[0]): json.loads(item.value_json)
        for r in found
        for item in [*r.summary.update, *r.run.summary.update]
    }
    history = {
        (item.key or item.nested_key[0]): json.loads(item.value_json)
        for r in found
        for item in [*r.history.item, *r.request.partial_history.item]
    }
    files = {item.path for r in found for item in r.files.files}
    artifacts = {
        (r.artifact.name or r.request.log_artifact.artifact.name)
        for r in found
        if r.WhichOneof("record_type") == "artifact" or r.request.HasField("log_artifact")
    }
    return kinds, config, {**history, **summary}, files, artifacts


def test_a_run_is_kept_for_both_and_its_file_holds_all(team, package, tmp_path, monkeypatch):
    home = tmp_path / "elsewhere"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    figure = tmp_path / "history.svg"
    figure.write_text("<svg/>")
    with runs.start(
        team, experiment="churn", name="lightgbm", params={"depth": 3}, tags={"seed": "7"}
    ) as run:
        run.log_metrics({"holdout_auc": 0.84})
        run.attach(figure)
    models.register(team, "churn", package(team), run=run.id)
    with (
        pytest.raises(ValueError, match="rows"),
        runs.start(team, experiment="churn", name="dummy", params={}, parent=run) as child,
    ):
        raise ValueError("rows")
    found = mirror.flush(team)
    assert (found.sent, found.pending) == (3, 5)  # MLflow's wait for it alone
    assert found.error.startswith("MLflow does not answer")
    kinds, config, measures, files, artifacts = kept(team, run.id)
    begun = kinds["run"].run
    assert (begun.project, begun.entity, begun.display_name) == ("churn-team", "us", "lightgbm")
    assert begun.run_group == run.id
    assert config["depth"] == 3
    assert config["mlwright"]["seed"] == "7"
    assert (measures["holdout_auc"], measures["status"]) == (0.84, "finished")
    assert "history.svg" in files
    assert artifacts == {"churn"}
    assert kinds["exit"].exit.exit_code == 0
    kinds, _, measures, _, artifacts = kept(team, child.id)
    assert kinds["run"].run.run_group == run.id
    assert (measures["status"], measures["reason"]) == ("failed", "ValueError")
    assert kinds["exit"].exit.exit_code == 1
    assert artifacts == set()
    assert list(home.iterdir()) == []
    assert mirror.flush(team).pending == 5


def begin(workspace):
    with runs.start(workspace, experiment="a", name="a", params={}) as run:
        run.log_metrics({"auc": 0.5})
    return run


def test_a_server_that_is_down_keeps_the_run_and_costs_no_time(workspace, team):
    online = with_wandb(workspace, mode="online", url=NOWHERE)
    begin(online)
    lines, started = [], time.monotonic()
    found = mirror.flush(online, say=lines.append)
    assert time.monotonic() - started < 10
    assert (found.sent, found.pending) == (1, 2)
    assert "1 messages wait for the tracker: W&B does not answer at 127.0.0.1:1" in lines
    assert not (online.folder / "wandb").exists()
    assert mirror.flush(team).sent == 1


def test_what_is_gone_is_refused_and_the_next_is_told(team, tmp_path):
    with runs.start(team, experiment="a", name="a", params={}) as run:
        run.attach(tmp_path / "gone.svg")
    other = begin(team)
    lines = []
    assert mirror.flush(team, say=lines.append).sent == 2  # MLflow: that one began
    assert f"the tracker refused a run: {tmp_path / 'gone.svg'} is no longer there" in lines
    kept(team, other.id)


def test_without_the_package_the_hint_has_the_command(team, monkeypatch):
    begin(team)
    monkeypatch.setattr(wandb_process, "find_spec", lambda _: None)
    lines = []
    mirror.flush(team, say=lines.append)
    told = "tracking.wandb needs the package 'wandb', which is not installed"
    assert f"1 messages wait for the tracker: {told}" in lines


_FLUSH = """
import sys
from pathlib import Path
from mlwright.core.workspace import Workspace
from mlwright.track import mirror
mirror.flush(Workspace(Path(sys.argv[1])))
"""


def children(pid):
    return {each for each, _ in wandb_process._children(pid)}


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.heavy
def test_its_process_does_not_outlive_ours(workspace):
    """Ours is killed while W&B waits for a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        (workspace.root / "mlwright.yaml").write_text(
            f"tracking: {{uri: '{NOWHERE}', wandb: {{mode: online, url: '{url}'}}}}\n"
        )
        begin(Workspace(workspace.root))
        environment = {**os.environ, "WANDB_API_KEY": "0" * 40}
        ours = subprocess.Popen(
            [sys.executable, "-c", _FLUSH, str(workspace.root)], env=environment
        )
        until = time.monotonic() + 60
        theirs = set()
        while time.monotonic() < until:
            theirs = children(ours.pid)
            service = set().union(*(children(pid) for pid in theirs))
            if service:
                theirs |= service
                break
            time.sleep(0.05)
        assert len(theirs) == 2
        ours.send_signal(signal.SIGKILL)
        ours.wait()
        while time.monotonic() < until and not all(gone(pid) for pid in theirs):
            time.sleep(0.05)
        assert all(gone(pid) for pid in theirs)
