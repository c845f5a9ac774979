import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlalchemy import select

from mlwright.core.errors import DataError, UserError
from mlwright.core.state import outbox
from mlwright.core.state import runs as table
from mlwright.core.workspace import Workspace
from mlwright.track import mirror, runs


def rows(workspace):
    with workspace.state.read() as connection:
        found = connection.execute(select(table).order_by(table.c.started)).mappings().all()
    return [dict(row) for row in found]


def waiting(workspace):
    with workspace.state.read() as connection:
        return [row.payload for row in connection.execute(select(outbox).order_by(outbox.c.id))]


def begin(workspace, name="lightgbm", **options):
    return runs.start(workspace, experiment="churn", name=name, params={"depth": 3}, **options)


def test_a_run_is_kept_when_the_tracker_is_down(offline):
    with begin(offline, tags={"seed": "0"}) as run:
        (before,) = rows(offline)
        run.log_metrics({"auc": 0.7, "f1": 0.5})
        run.log_metrics({"auc": 0.8})
        run.tag("note", "good")
    (row,) = rows(offline)
    assert before["status"] == "running"
    assert row["id"] == run.id
    assert (row["experiment"], row["name"], row["status"]) == ("churn", "lightgbm", "finished")
    assert row["params"] == {"depth": 3}
    assert row["metrics"] == {"auc": 0.8, "f1": 0.5}
    assert row["tags"] == {"seed": "0", "note": "good"}
    assert row["ended"] >= row["started"]
    assert waiting(offline) == [{"run": run.id}, {"run": run.id, "files": []}]


def test_a_child_names_its_parent_and_ends_before_it(offline):
    with begin(offline) as parent, begin(offline, "dummy", parent=parent) as child:
        pass
    assert [row["parent"] for row in rows(offline)] == [None, parent.id]
    told = [payload["run"] for payload in waiting(offline)]
    assert told == [parent.id, child.id, child.id, parent.id]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DataError("no rows"), "DataError: no rows"),
        (ValueError("could not convert 'Jane Doe'"), "ValueError"),  # may quote a row
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_an_exception_fails_the_run_and_goes_on(offline, error, reason):
    def fail():
        with begin(offline) as run:
            run.log_metrics({"auc": 0.7})
            raise error

    with pytest.raises(type(error)):
        fail()
    (row,) = rows(offline)
    assert row["status"] == "failed"
    assert row["tags"] == {"reason": reason}
    assert row["metrics"] == {"auc": 0.7}


def test_a_workspace_that_takes_no_more_hides_no_error(offline, monkeypatch):
    def full(*_):
        raise UserError("the workspace cannot be used: database or disk is full")

    def fail():
        with begin(offline):
            monkeypatch.setattr(runs, "_end", full)
            raise DataError("no rows")

    with pytest.raises(DataError, match=r"^no rows$"):
        fail()
    assert [row["status"] for row in rows(offline)] == ["running"]  # killed, once we have ended


DIE = """
import os, sys
from pathlib import Path
from mlwright.core.workspace import Workspace
from mlwright.track import runs
with runs.start(Workspace(Path(sys.argv[1])), experiment="churn", name="a", params={}):
    os._exit(9)
"""


def test_the_run_of_a_dead_process_is_marked_at_the_next_start(offline):
    assert subprocess.run([sys.executable, "-c", DIE, str(offline.root)]).returncode == 9
    assert [row["status"] for row in rows(offline)] == ["running"]
    with begin(offline):
        assert [row["status"] for row in rows(offline)] == ["killed", "running"]
        with begin(offline, "second"):
            assert [row["status"] for row in rows(offline)] == ["killed", "running", "running"]


def test_a_process_of_the_same_number_is_another_process(offline):
    with begin(offline):
        with offline.state.write() as connection:
            connection.execute(table.update().values(process={"pid": 1, "started": "-1"}))
        with begin(offline, "second"):
            assert [row["status"] for row in rows(offline)] == ["killed", "running"]


def test_a_process_that_ended_unburied_is_dead():
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1)
    described = {"pid": process.pid, "started": runs._started(process.pid)}
    assert runs.alive(described)
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not runs.alive(described)
    process.wait()


def test_what_waits_is_counted_with_its_reason(offline, down):
    with begin(offline):
        pass
    lines = []
    found = mirror.flush(offline, say=lines.append)
    assert (found.sent, found.pending) == (1, 1)  # that it began is no news once it has ended
    assert found.error.startswith("MLflow does not answer: API request to http://127.0.0.1:")
    assert lines == [f"1 messages wait for the tracker: {found.error}"]


def test_nothing_to_send_asks_nobody(offline):
    assert mirror.flush(offline) == mirror.Flushed(0, 0, None)


def test_one_process_sends_at_a_time(offline):
    with begin(offline):
        pass
    with offline.lock("tracker", "a test"):
        found = mirror.flush(offline)
    assert (found.sent, found.pending, found.held) == (0, 2, True)
    assert found.error.startswith("tracker is held by process ")


def test_a_tracker_without_its_package_waits(offline, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with begin(offline):
        pass
    expected = "tracking needs the package 'mlflow', which is not installed"
    assert mirror.flush(offline).error == expected


class Failing(BaseHTTPRequestHandler):
    seen: list = []  # noqa: RUF012 - of the one test that uses it

    def do_GET(self):
        self.seen.append(self.headers["Authorization"])
        self.send_response(503)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def failing(workspace):
    """A workspace whose tracker answers that it cannot, and wants a token."""
    with HTTPServer(("127.0.0.1", 0), Failing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        uri = f"http://127.0.0.1:{server.server_port}"
        text = f"tracking:\n  uri: {uri}\n  token: env:TRACKER_TOKEN\n"
        (workspace.root / "mlwright.yaml").write_text(text)
        yield Workspace(workspace.root)
        server.shutdown()
        thread.join()


def test_a_tracker_that_fails_is_asked_once_with_the_token(failing, monkeypatch):
    monkeypatch.setenv("TRACKER_TOKEN", "secret")
    with begin(failing) as run, begin(failing, "child", parent=run):
        pass
    found = mirror.flush(failing)
    assert found.pending == 2
    assert Failing.seen == ["Bearer secret"]
    assert "secret" not in found.error


def test_a_token_that_is_not_set_lets_everything_wait(failing):
    with begin(failing):
        pass
    found = mirror.flush(failing)
    assert (found.pending, found.error) == (2, "the environment variable TRACKER_TOKEN is not set")
