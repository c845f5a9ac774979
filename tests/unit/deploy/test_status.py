from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlwright.core.errors import NotFound
from mlwright.core.workspace import Workspace
from mlwright.deploy import changes, releases
from mlwright.deploy.status import status


@pytest.fixture
def rolling(workspace: Workspace) -> Workspace:
    """Version 3 rolls out at a quarter over version 2; version 1 was before."""
    with workspace.state.write() as connection:
        releases.save_environment(
            connection,
            "staging",
            platform="local",
            wanted="running",
            settings={"host": "127.0.0.1", "port": 8080, "workers": 1},
            url="http://127.0.0.1:8080",
            model="churn",
        )
        for version in (1, 2, 3):
            live = releases.live(connection, "staging")
            made: Any = changes.create(
                connection,
                "staging",
                model="churn",
                version=version,
                replaces=live.version if live else None,
                strategy="canary",
                options={"steps": [25.0, 100.0]},
                who="ada",
            )
            if version < 3:
                changes.go_live(connection, made, "")
        changes.shift(connection, made, 0, 0.25, "25% of traffic to try it", {})
    return workspace


@contextmanager
def held(folder: Path, *names: str) -> Iterator[None]:
    """Hold pid files as their processes would."""
    run = folder / "run"
    run.mkdir(parents=True)
    with ExitStack() as stack:
        for name in names:
            file = stack.enter_context((run / name).open("w+"))
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps({"pid": os.getpid()}))
            file.flush()
        yield


def test_a_rollout_is_shown_with_every_version(rolling: Workspace) -> None:
    workers = [f"worker-{version}-0-77.pid" for version in (1, 2, 3)]
    with held(rolling.environment("staging"), "supervisor.pid", *workers):
        shown = status(rolling, "staging").to_json()
    assert shown["versions"] == [
        {"version": 2, "weight": 0.75, "state": "answering", "workers": 1},
        {"version": 3, "weight": 0.25, "state": "candidate", "workers": 1},
        {"version": 1, "weight": 0.0, "state": "warm", "workers": 1},
    ]
    assert (shown["outcome"], shown["reason"]) == ("rolling", "not enough data")
    assert (shown["supervisor"], shown["url"]) == ("running", "http://127.0.0.1:8080")
    rollout = shown["rollout"]
    assert (rollout["strategy"], rollout["step"], rollout["decision"]) == (
        "canary",
        0,
        "not_enough_data",
    )
    assert {"environment", "platform", "evidence"} <= {*shown, *rollout}
    json.dumps(shown, allow_nan=False)


def test_what_does_not_run_is_down(rolling: Workspace) -> None:
    with held(rolling.environment("staging"), "worker-2-0-77.pid"):
        shown = status(rolling, "staging")
    assert [(v.version, v.state) for v in shown.versions] == [
        (2, "answering"),
        (3, "down"),
        (1, "down"),
    ]
    assert shown.supervisor == "down"


def test_what_a_supervisor_will_start_is_starting(rolling: Workspace) -> None:
    with held(rolling.environment("staging"), "supervisor.pid", "worker-2-0-77.pid"):
        shown = status(rolling, "staging")
    assert [v.state for v in shown.versions] == ["answering", "starting", "starting"]


def test_a_stopped_environment_has_no_address(rolling: Workspace) -> None:
    with rolling.state.write() as connection:
        changes.stop(connection, "staging")
    shown = status(rolling, "staging")
    assert (shown.outcome, shown.url, shown.supervisor, shown.versions) == (
        "stopped",
        None,
        "stopped",
        (),
    )


def test_an_unknown_environment(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="no environment is named 'staging'"):
        status(workspace, "staging")


def test_workers_in_containers_are_counted(rolling: Workspace) -> None:
    folder = rolling.environment("staging") / "run" / "containers"
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        for name in ("worker-3-0-7-0", "worker-3-1-7-1"):
            file = stack.enter_context((folder / f"{name}.pid").open("w"))
            file.write(json.dumps({"pid": 1}))  # its number there, which is another process's here
            file.flush()
            fcntl.flock(file, fcntl.LOCK_EX)
        found = {share.version: share.workers for share in status(rolling, "staging").versions}
    assert found[3] == 2


def test_why_the_first_release_failed_is_said(rolling: Workspace) -> None:
    with rolling.state.write() as connection:
        release = releases.current(connection, "staging")
        assert release is not None
        changes.end(connection, release, "failed", "version 3 does not start")
        changes.stop(connection, "staging")
    found = status(rolling, "staging")
    assert (found.outcome, found.reason) == ("failed", "version 3 does not start")
