"""The process beside a command: it starts MLflow's import, so it is started seldom here."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mlwright.core.errors import UserError
from mlwright.core.workspace import Workspace
from mlwright.track import mirror, outbox, runs, sending
from mlwright.track.records import list_runs


def begin(workspace, **options):
    return runs.start(workspace, experiment="churn", name="a", params={}, **options)


def until(holds):
    limit = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_nothing_to_tell_waits_for_nobody(workspace, monkeypatch):
    started = []
    real = subprocess.Popen
    monkeypatch.setattr(
        sending.subprocess, "Popen", lambda *a, **k: started.append(real(*a, **k)) or started[0]
    )
    with sending.sending(workspace) as told:
        pass
    assert told.flushed == mirror.Flushed(0, 0, None)
    assert started[0].returncode == -signal.SIGKILL


def test_what_a_tracker_does_not_take_is_said_and_kept(offline):
    lines = []
    with sending.sending(offline, say=lines.append) as told, begin(offline):
        pass
    left = len(outbox.waiting(offline))
    assert told.flushed.pending == left > 0
    assert lines == [f"{left} messages wait for the tracker: {told.flushed.error}"]
    assert told.flushed.error.startswith("MLflow does not answer")


def test_an_error_goes_on_when_the_rest_was_told(offline):
    def fail():
        with sending.sending(offline), begin(offline):
            raise ValueError("no rows")

    with pytest.raises(ValueError, match=r"^no rows$"):
        fail()
    assert [run.status for run in list_runs(offline)] == ["failed"]


def test_a_process_that_dies_loses_nothing(offline, monkeypatch):
    monkeypatch.setattr(sending.sys, "executable", "/bin/false")
    lines = []
    with sending.sending(offline, say=lines.append) as told, begin(offline):
        pass
    log = offline.folder / "sending.log"
    expected = f"the process that tells the tracker has died, see {log}"
    assert told.flushed == mirror.Flushed(0, 2, expected)
    assert lines == [f"2 messages wait for the tracker: {expected}"]


def test_a_workspace_that_cannot_be_used_is_said(offline, monkeypatch):
    state, lines = offline.folder / "state.db", []
    with sending.sending(offline, say=lines.append) as told:
        with begin(offline):
            pass
        state.write_bytes(b"no database" * 1000)
        monkeypatch.setattr(outbox, "waiting", lambda _: [1, 2])
    expected = f"{state} is damaged: file is not a database"
    assert told.flushed == mirror.Flushed(0, 2, expected)
    assert lines == [f"2 messages wait for the tracker: {expected}"]


KILLED = """
import sys
from pathlib import Path
from mlwright.core.workspace import Workspace
from mlwright.track import runs
from mlwright.track.sending import sending
workspace = Workspace(Path(sys.argv[1]))
with sending(workspace), runs.start(workspace, experiment="e", name="n", params={}):
    print("started", flush=True)
    sys.stdin.read()
"""


def test_after_kill_9_the_run_is_killed_with_no_further_command(offline):
    offline.state  # noqa: B018  # makes the database
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(offline.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"started\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    def ended():
        with Workspace(offline.root).state.read() as connection:
            (found,) = connection.exec_driver_sql("SELECT status FROM runs").all()
        return found[0] == "killed"

    until(ended)
    until(lambda: all(message.error for message in outbox.waiting(offline)[:1]))


def test_two_that_send_wait_for_each_other(workspace, monkeypatch):
    answers = iter([mirror.Flushed(0, 2, "held", held=True), mirror.Flushed(2, 0, None)])
    monkeypatch.setattr(mirror, "flush", lambda *_, **__: next(answers))
    assert sending._flush(workspace, print) == mirror.Flushed(2, 0, None)


def test_a_folder_that_cannot_be_written_to_is_said(workspace):
    (workspace.folder / "sending.log").mkdir()
    expected = rf"^the workspace {workspace.folder} cannot be used: Is a directory$"
    with pytest.raises(UserError, match=expected), sending.sending(workspace):
        pass
