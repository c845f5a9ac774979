"""An environment on the platform docker, with a real engine, under traffic."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from mlwright.core.environments import PlatformOptions
from mlwright.core.workspace import Workspace
from mlwright.deploy import processes, release
from mlwright.deploy.status import supervisor_file

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]

SETTINGS = """
environments:
  production:
    platform: docker
    guards: {{error_rate: 1%}}
    platform_options: {{engine: podman, base: "{base}"}}
"""


@pytest.fixture
def contained(workspace: Workspace, containers: PlatformOptions) -> Workspace:
    """A workspace whose production runs in containers."""
    (workspace.root / "mlwright.yaml").write_text(SETTINGS.format(base=containers.base))
    return Workspace(workspace.root)


def podman(*arguments: str) -> list[str]:
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()


def running(workspace: Workspace, version: int | None = None) -> list[str]:
    """The containers of production, or those of one version."""
    folder = workspace.environment("production")
    asked = ["--filter", f"label=mlwright.environment={folder}"]
    if version is not None:
        asked += ["--filter", f"label=mlwright.version={version}"]
    return podman("ps", "--quiet", "--no-trunc", *asked)


def until(true: Callable[[], Any]) -> None:
    assert processes.wait_until(lambda: bool(true()), 60.0)


def test_a_rollout_in_containers_costs_no_request(
    contained: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    """A candidate is killed, the next one goes live and is taken back; then nothing is left."""
    for slope in (0.1, 0.2):
        publish(slope=slope)
    url = release.deploy(contained, "tiny:1", "production").url

    def ended() -> bool:
        return release.status(contained, "production").outcome == "rolled_back"

    choices: dict[str, Any] = {"strategy": "canary", "canary_percentage": 30, "detach": True}
    with traffic(url, pause=0.05) as load:
        release.deploy(contained, "tiny:2", "production", **choices)
        until(lambda: any(answer.version == "2" for answer in load.answers))
        (candidate,) = running(contained, 2)
        podman("kill", "--signal", "KILL", candidate)
        # Its failures are evidence against it; where it is back before they suffice, we end it.
        until(lambda: ended() or running(contained, 2) not in ([], [candidate]))
        if not ended():
            release.rollback(contained, "production")
        release.deploy(contained, "tiny:2", "production", strategy="all_at_once")
        until(lambda: load.answers[-1].version == "2")
        release.rollback(contained, "production")
        until(lambda: load.answers[-1].version == "1")
    assert load.failures == []
    assert {answer.status for answer in load.answers} == {200}
    logged = "".join(
        path.read_text()
        for path in (contained.environment("production") / "log").glob("predictions-*.jsonl")
    )
    assert [each for each in load.answers if each.request_id not in logged] == []
    release.stop(contained, "production")
    assert running(contained) == []


def test_what_dies_is_brought_back_and_what_lives_is_left_alone(
    contained: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(contained, "tiny:1", "production").url
    (champion,) = running(contained)
    supervisor = processes.living(supervisor_file(contained.environment("production")))
    assert supervisor is not None
    with traffic(url, pause=0.05) as load:
        until(lambda: load.answers)
        os.kill(supervisor, signal.SIGKILL)
        until(lambda: release.status(contained, "production").supervisor == "down")
        assert release.status(contained, "production").versions[0].workers == 1
        release.resume(contained, "production")
        seen = len(load.answers)
        until(lambda: len(load.answers) > seen + 20)
    assert running(contained) == [champion]
    assert load.failures == []
    podman("kill", "--signal", "KILL", champion)
    until(lambda: running(contained) not in ([], [champion]))
    with traffic(url, pause=0.05) as load:  # waits in the queue of the socket, which lives on
        until(lambda: len(load.answers) > 20)
    assert {answer.status for answer in load.answers} == {200}
    assert load.failures == []
