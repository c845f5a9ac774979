import json
import os
import signal
import subprocess
import sys

import pytest
from sqlalchemy import insert

from mlwright.core.errors import NotFound, UserError
from mlwright.core.state import versions
from mlwright.track import runs
from mlwright.track.records import find_run, list_runs, version_of


def start(workspace, name, **options):
    return runs.start(workspace, experiment="churn", name=name, params={"depth": 3}, **options)


def test_a_failed_run_is_listed_with_its_reason(workspace):
    with start(workspace, "good") as good:
        good.log_metrics({"holdout_auc": 0.8})
    with pytest.raises(ValueError, match="too deep"), start(workspace, "bad"):
        raise ValueError("too deep")
    bad, first = list_runs(workspace)
    assert (bad.name, bad.status, bad.reason) == ("bad", "failed", "ValueError")
    assert (first.status, first.reason, first.metrics) == ("finished", "", {"holdout_auc": 0.8})
    shown = first.to_json()
    assert shown["run_id"] == good.id
    assert shown["params"] == {"depth": 3}
    json.dumps(shown)


KILLED = """
import sys
from pathlib import Path
from mlwright.core.workspace import Workspace
from mlwright.track import runs
with runs.start(Workspace(Path(sys.argv[1])), experiment="e", name="n", params={}):
    print("started", flush=True)
    sys.stdin.read()
"""


def test_a_killed_run_is_listed_as_killed(workspace):
    workspace.state  # noqa: B018  # makes the database
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"started\n"
    assert list_runs(workspace)[0].status == "running"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    found = list_runs(workspace)[0]
    assert (found.status, found.reason) == ("killed", "its process ended without a word")


def test_a_run_is_found_by_how_its_id_begins(workspace, monkeypatch):
    ids = iter(["abcd11", "abcd22", "ffff00"])

    class Id:
        @property
        def hex(self):
            return next(ids)

    monkeypatch.setattr(runs.uuid, "uuid4", Id)
    for name in "abc":
        with start(workspace, name):
            pass
    assert find_run(workspace, "ffff").name == "c"
    assert version_of(workspace, find_run(workspace, "ffff")) is None
    with pytest.raises(UserError, match=r"^2 runs have ids that begin with 'abcd'$") as caught:
        find_run(workspace, "abcd")
    assert sorted(caught.value.hint.removeprefix("give more characters: ").split(", ")) == [
        "abcd11",
        "abcd22",
    ]
    for text in ("e", "fff", ""):
        with pytest.raises(NotFound, match=f"^no run has an id that begins with '{text}'$"):
            find_run(workspace, text)


def test_a_run_is_found_by_the_model_that_it_made(workspace):
    with start(workspace, "a") as run:
        pass
    with workspace.state.write() as connection:
        connection.execute(
            insert(versions).values(model="m", version=1, bundle="b", run=run.id, created=0.0)
        )
    assert find_run(workspace, "m:1").id == run.id
    with pytest.raises(NotFound):
        find_run(workspace, "m:2")


def test_an_empty_workspace_names_the_first_step(workspace):
    with pytest.raises(NotFound) as caught:
        find_run(workspace, "abcd")
    assert caught.value.hint == "mlwright train --data FILE --target COLUMN"
