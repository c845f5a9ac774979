"""What dies, what is taken, and who comes at the same time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlwright.core.errors import Busy, ConfigError, UserError
from mlwright.core.workspace import Workspace
from mlwright.deploy import processes, release
from mlwright.deploy.status import supervisor_file
from mlwright.deploy.targets import Place
from mlwright.deploy.targets.local import LocalTarget
from mlwright.track import models

DEPLOYER = """
import sys
from pathlib import Path
from mlwright.core.workspace import Workspace
from mlwright.deploy import release
say = lambda line: print(line, flush=True)
print(release.deploy(Workspace(Path(sys.argv[1])), sys.argv[2], "production", say=say).outcome)
"""


def supervisor(workspace: Workspace) -> int:
    found = processes.living(supervisor_file(workspace.environment("production")))
    assert found is not None
    return found


def workers(workspace: Workspace) -> dict[int, int]:
    """Process numbers by version."""
    run = workspace.environment("production") / "run"
    about = [json.loads(p.read_text()) for p in run.glob("worker-*.pid") if processes.living(p)]
    return {worker["version"]: worker["pid"] for worker in about}


def until(true: Callable[[], Any], seconds: float = 15.0) -> None:
    assert processes.wait_until(lambda: bool(true()), seconds)


def test_a_killed_worker_is_replaced_within_a_second(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    status = release.deploy(workspace, "tiny:1", "production")
    before = workers(workspace)[1]
    with traffic(status.url, connections=1) as load:
        until(lambda: load.answers)
        os.kill(before, signal.SIGKILL)
        until(lambda: workers(workspace).get(1, before) != before)
        seen = len(load.answers)
        until(lambda: len(load.answers) > seen + 5)
    assert {answer.status for answer in load.answers} == {200}


def test_a_candidate_that_dies_is_rolled_back_and_costs_no_request(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production").url
    publish(slope=0.2)
    choices: dict[str, Any] = {"strategy": "canary", "canary_percentage": 20, "detach": True}
    with traffic(url, pause=0.002) as load:
        release.deploy(workspace, "tiny:2", "production", **choices)
        until(lambda: any(answer.version == "2" for answer in load.answers))
        os.kill(workers(workspace)[2], signal.SIGKILL)
        until(lambda: release.status(workspace, "production").outcome == "rolled_back")
    assert load.failures == []
    assert {answer.status for answer in load.answers} == {200}


def test_a_version_that_comes_back_while_its_last_worker_ends_starts_at_once(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    publish()
    bundle = models.resolve(workspace, "tiny:1").bundle

    async def until_ready(target: LocalTarget) -> None:
        while not target.status()[1].ready:
            await target.apply({1: bundle})
            await asyncio.sleep(0.02)

    async def run() -> int:
        target = LocalTarget(Place("production", "tiny", workspace.environment("production")))
        try:
            for _ in range(2):
                await target.apply({1: bundle})
                await asyncio.wait_for(until_ready(target), 20)
                before = target.status()[1].deaths
                await target.apply({})
            return before
        finally:
            await target.delete()

    assert asyncio.run(run()) == 0
    log = workspace.environment("production") / "run" / "workers.log"
    assert log.read_text() == ""


def test_the_service_outlives_its_supervisor_and_the_next_one_takes_over(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production").url
    publish(slope=0.2)
    with traffic(url, pause=0.002) as load:
        os.kill(supervisor(workspace), signal.SIGKILL)
        until(lambda: release.status(workspace, "production").supervisor == "down")
        seen = len(load.answers)
        until(lambda: len(load.answers) > seen + 100)
        assert load.failures == []
        status = release.deploy(workspace, "tiny:2", "production", strategy="all_at_once")
        assert status.url == url
        seen = len(load.answers)
        until(lambda: len(load.answers) > seen + 100)
    assert load.answers[-1].version == "2"
    assert {answer.status for answer in load.answers} == {200}


def test_a_rollout_goes_on_where_a_killed_supervisor_left_it(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production").url
    publish(slope=0.2)
    canary: dict[str, Any] = {
        "strategy": "canary",
        "canary_percentage": 50,
        "guards": {"error_rate": "5%"},
    }
    with traffic(url, pause=0.01) as load:
        release.deploy(workspace, "tiny:2", "production", detach=True, **canary)
        until(lambda: any(answer.version == "2" for answer in load.answers))
        os.kill(supervisor(workspace), signal.SIGKILL)
        until(lambda: release.status(workspace, "production").supervisor == "down")
        status = release.deploy(workspace, "tiny:2", "production", timeout=60, **canary)
    assert (status.outcome, status.release.id) == ("live", 2)
    assert {answer.status for answer in load.answers} == {200}


def test_stop_ends_what_a_killed_supervisor_left(
    workspace: Workspace, publish: Callable[..., int], left: Callable[[], list[str]]
) -> None:
    publish()
    release.deploy(workspace, "tiny:1", "production")
    os.kill(supervisor(workspace), signal.SIGKILL)
    until(lambda: release.status(workspace, "production").supervisor == "down")
    assert len(left()) == 1
    assert release.stop_all(workspace) == ["production"]
    assert left() == []


def test_a_killed_deployer_is_not_missed(workspace: Workspace, publish: Callable[..., int]) -> None:
    publish()
    command = [sys.executable, "-c", DEPLOYER, str(workspace.root), "tiny:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as deployer:
        assert deployer.stdout is not None
        while "starting" not in deployer.stdout.readline():
            pass
        deployer.kill()
    until(lambda: release.status(workspace, "production").outcome == "live")


def test_a_port_in_use_is_named_and_nothing_is_left(
    workspace: Workspace, publish: Callable[..., int], left: Callable[[], list[str]]
) -> None:
    publish()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Busy) as caught:
            release.deploy(workspace, "tiny:1", "production", port=port)
    assert str(caught.value) == f"port {port} of 127.0.0.1 is in use by another process"
    assert caught.value.hint == "choose another with --port, or --port 0 for a free one"
    assert left() == []
    assert release.environments(workspace) == []


def test_two_environments_cannot_share_a_port(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production").url
    port = int(url.rpartition(":")[2])
    with pytest.raises(Busy):
        release.deploy(workspace, "tiny:1", "staging", port=port)
    assert release.environments(workspace) == ["production"]


def test_the_second_of_two_deployers_is_told_who_is_first(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    publish()
    release.deploy(workspace, "tiny:1", "production")
    publish(slope=0.2)
    publish(slope=0.3)
    with (
        workspace.lock("environment production", "deploy tiny:2"),
        pytest.raises(Busy) as caught,
    ):
        release.deploy(workspace, "tiny:3", "production")
    assert str(caught.value).startswith(
        f"environment production is held by process {os.getpid()} (deploy tiny:2) since 20"
    )
    release.deploy(workspace, "tiny:2", "production", strategy="canary", detach=True)
    with pytest.raises(Busy) as caught:
        release.deploy(workspace, "tiny:3", "production")
    assert str(caught.value).startswith("tiny:2 is being rolled out in production (release 2, by ")
    assert caught.value.hint == "mlwright promote or rollback production ends it"


def test_a_person_promotes_or_takes_back_a_rollout(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    publish()
    release.deploy(workspace, "tiny:1", "production")
    publish(slope=0.2)
    canary: dict[str, Any] = {"strategy": "canary", "detach": True}
    release.deploy(workspace, "tiny:2", "production", **canary)
    status = release.rollback(workspace, "production", timeout=20)
    assert (status.outcome, status.reason) == ("rolled_back", "asked for by a person")
    assert status.incident is None
    release.deploy(workspace, "tiny:2", "production", **canary)
    status = release.promote(workspace, "production", timeout=20)
    assert (status.outcome, status.reason) == ("live", "asked for by a person")
    with pytest.raises(UserError) as caught:
        release.promote(workspace, "production")
    assert str(caught.value) == "no rollout is under way in production"


def test_a_version_that_cannot_start_fails_and_the_environment_stays_stopped(
    workspace: Workspace, publish: Callable[..., int], left: Callable[[], list[str]]
) -> None:
    publish(lying=True)
    status = release.deploy(workspace, "tiny:1", "production")
    assert (status.outcome, status.supervisor, status.url) == ("failed", "stopped", None)
    assert left() == []


def test_a_stopped_environment_comes_back_to_its_port(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production").url
    release.stop(workspace, "production")
    publish(slope=0.2)
    status = release.deploy(workspace, "tiny:2", "production", strategy="canary")
    assert (status.url, status.outcome) == (url, "live")
    assert release.rollback(workspace, "production").versions[0].version == 1


def test_an_environment_keeps_its_model_and_port(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    from mlwright.testing.target import sample_bundle

    publish()
    release.deploy(workspace, "tiny:1", "production")
    models.register(workspace, "other", sample_bundle(workspace.bundles, slope=0.7))
    with pytest.raises(ConfigError) as caught:
        release.deploy(workspace, "other", "production")
    assert str(caught.value) == "production answers with tiny:1, which is another model"
    with pytest.raises(UserError, match="production answers on port"):
        release.deploy(workspace, "tiny:1", "production", port=1)


def test_a_removed_workspace_ends_its_processes(
    workspace: Workspace, publish: Callable[..., int], left: Callable[[], list[str]]
) -> None:
    publish()
    release.deploy(workspace, "tiny:1", "production")
    state: Path = workspace.folder / "state.db"
    aside = state.with_suffix(".aside")
    state.rename(aside)
    until(lambda: left() == [])
    aside.rename(state)
