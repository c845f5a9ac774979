"""Shadows, experiments, and what a supervisor mends or takes over, with real processes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from mlwright.core.errors import MlwrightError, UserError
from mlwright.core.workspace import Workspace
from mlwright.deploy import abtest, processes, release
from mlwright.deploy.abtest_design import make
from mlwright.deploy.history import history_of
from mlwright.deploy.status import supervisor_file
from mlwright.deploy.targets import local_worker
from mlwright.predictions import labels


def until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    assert processes.wait_until(lambda: bool(true()), seconds)


def pids(workspace: Workspace, version: int) -> set[int]:
    run = workspace.environment("production") / "run"
    about = [json.loads(p.read_text()) for p in run.glob("worker-*.pid") if processes.living(p)]
    return {worker["pid"] for worker in about if worker["version"] == version}


def evidence(workspace: Workspace) -> dict[str, Any]:
    found = release.status(workspace, "production").to_json()["rollout"]
    return found["evidence"]  # type: ignore[no-any-return]


def test_a_shadow_answers_nobody_and_is_compared(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production").url
    publish(slope=-0.1)
    with traffic(url, pause=0.01) as load:
        status = release.deploy(workspace, "tiny:2", "production", strategy="shadow", timeout=30)
        assert [(v.version, v.weight, v.state) for v in status.versions][-1] == (2, 0.0, "shadow")
        until(lambda: evidence(workspace).get("shadow", {}).get("compared", 0) > 100)
        found = evidence(workspace)["shadow"]
        status = release.rollback(workspace, "production", why="seen enough", timeout=20)
    assert status.outcome == "rolled_back"
    assert found["agreement"]["high"] < 0.05
    assert {(flip["champion"], flip["candidate"]) for flip in found["flips"]} == {
        ("No", "Yes"),
        ("Yes", "No"),
    }
    assert load.failures == []
    assert {(answer.status, answer.version) for answer in load.answers} == {(200, "1")}
    asked = [e for e in history_of(workspace, "production") if e["why"] == "seen enough"]
    assert [e["what"] for e in asked] == ["rollback"]


def test_a_shadow_that_hangs_costs_nobody_a_request(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production").url
    publish(slope=0.2)
    release.deploy(workspace, "tiny:2", "production", strategy="shadow", timeout=30)
    (shadow,) = pids(workspace, 2)
    os.kill(shadow, signal.SIGSTOP)
    with traffic(url, pause=0.001) as load:
        until(lambda: len(load.answers) > 500)
    os.kill(shadow, signal.SIGCONT)
    assert load.failures == []
    assert {(answer.status, answer.version) for answer in load.answers} == {(200, "1")}


def test_an_experiment_is_reported_and_its_winner_promoted(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish(slope=-0.1)
    publish()
    test = make(model_a="tiny_v1", model_b="tiny:2", metrics=("accuracy", "latency"))
    status = abtest.start(workspace, "production", test)
    assert [v.weight for v in status.versions] == [0.5, 0.5]
    with traffic(status.url, pause=0.002) as load:
        until(lambda: len(load.answers) > 800)
        log = workspace.environment("production") / "log"
        known = []
        for path in log.glob("predictions-*.jsonl"):
            for text in path.read_text().splitlines():
                row = json.loads(text)
                known.append((row["request_id"], "Yes" if row["features"]["x"] > 0 else "No"))
        labels.add(log, known)
        found, status = abtest.stop(workspace, "production", promote_winner=True, timeout=20)
    accuracy = found.compared[0]
    assert (accuracy.metric, accuracy.better) == ("accuracy", True)
    assert accuracy.a.value < 0.2
    assert accuracy.b.value > 0.8
    if found.winner == "b":  # unless it was slower on this machine, at this moment
        assert (status.outcome, status.versions[0].version) == ("live", 2)
    kept = workspace.environment("production") / "experiments" / "release-2.json"
    assert json.loads(kept.read_text())["model_b"] == "tiny:2"
    with pytest.raises(UserError, match="the experiment in production ended before"):
        abtest.stop(workspace, "production")


def test_a_new_supervisor_adopts_the_workers_that_it_finds(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production", workers=2).url
    before = pids(workspace, 1)
    found = processes.living(supervisor_file(workspace.environment("production")))
    assert found is not None
    with traffic(url, pause=0.002) as load:
        os.kill(found, signal.SIGKILL)
        until(lambda: release.status(workspace, "production").supervisor == "down")
        status = release.resume(workspace, "production", timeout=20)
        assert (status.supervisor, status.url) == ("running", url)
        assert pids(workspace, 1) == before
        first = min(before)
        os.kill(first, signal.SIGKILL)
        until(lambda: len(pids(workspace, 1) - {first}) == 2)
        publish(slope=0.2)
        release.deploy(workspace, "tiny:2", "production", strategy="blue_green", timeout=30)
        seen = len(load.answers)
        until(lambda: len(load.answers) > seen + 100)
    assert load.answers[-1].version == "2"
    assert {answer.status for answer in load.answers} == {200}


def test_another_number_of_workers_takes_effect_at_once(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    publish()
    release.deploy(workspace, "tiny:1", "production")
    release.deploy(workspace, "tiny:1", "production", workers=3)
    until(lambda: len(pids(workspace, 1)) == 3)
    release.deploy(workspace, "tiny:1", "production")
    assert len(pids(workspace, 1)) == 3
    release.deploy(workspace, "tiny:1", "production", workers=1)
    until(lambda: len(pids(workspace, 1)) == 1)


def test_a_worker_that_hangs_is_replaced(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production", workers=2).url
    before = pids(workspace, 1)
    with traffic(url, pause=0.01) as load:
        until(lambda: len(load.answers) > 20)
        os.kill(min(before), signal.SIGSTOP)
        until(lambda: len(pids(workspace, 1) - before) == 1, local_worker.HANGS + 15)
        until(lambda: min(before) not in pids(workspace, 1))
        seen, lost = len(load.answers), len(load.failures)
        until(lambda: len(load.answers) > seen + 100)
    # What the hung one had taken is lost with it, one request a connection at most.
    assert len(load.failures) == lost <= load.connections
    assert {answer.status for answer in load.answers} == {200}


def test_one_environment_that_cannot_be_stopped_leaves_no_other_running(
    workspace: Workspace, publish: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    for name in ("a", "b"):
        release.deploy(workspace, "tiny:1", name)
    stop = release.stop

    def failing(workspace: Workspace, environment: str) -> release.Status:
        if environment == "a":
            raise MlwrightError("these processes do not end: 1")
        return stop(workspace, environment)

    with monkeypatch.context() as patched:
        patched.setattr(release, "stop", failing)
        with pytest.raises(MlwrightError) as caught:
            release.stop_all(workspace)
    assert str(caught.value) == "not stopped: a: these processes do not end: 1"
    assert caught.value.hint == "stopped: b"


def test_a_stopped_environment_has_nothing_to_go_on_with(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    publish()
    release.deploy(workspace, "tiny:1", "production")
    release.stop(workspace, "production")
    with pytest.raises(UserError, match="production is stopped: there is nothing to go on with"):
        release.resume(workspace, "production")
