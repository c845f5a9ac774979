"""The supervisor against a target that only pretends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mlwright.core.errors import GateFailed
from mlwright.core.workspace import Workspace
from mlwright.deploy import changes, releases
from mlwright.deploy.releases import Release
from mlwright.deploy.scaling import Load
from mlwright.deploy.status import status
from mlwright.deploy.supervisor import Supervisor
from mlwright.deploy.targets import Split, VersionStatus
from mlwright.predictions.lines import Outcome
from mlwright.testing.target import sample_bundle
from mlwright.track import models


class Pretended:
    """A target in memory: versions are ready at once, unless told otherwise."""

    def __init__(self) -> None:
        self.versions: Mapping[int, Path] = {}
        self.splits: list[Split] = []
        self.never_ready: set[int] = set()
        self.deaths = 0
        self.failure: Exception | None = None
        self.hangs = False
        self.deleted = False
        self.outcomes: list[Outcome] = []
        self.workers = 1
        self.load: Load | None = None

    async def apply(self, versions: Mapping[int, Path], *, workers: int = 1) -> None:
        self.versions, self.workers = dict(versions), workers

    async def check(self, version: int) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure:
            raise self.failure

    async def split(self, split: Split) -> None:
        if not self.splits or self.splits[-1] != split:
            self.splits.append(split)

    def status(self) -> dict[int, VersionStatus]:
        return {
            version: VersionStatus(
                self.workers,
                self.workers * (version not in self.never_ready),
                self.deaths,
                "signal 9",
                self.load,
            )
            for version in self.versions
        }

    def observe(self, release: int) -> Sequence[Outcome]:
        found, self.outcomes = self.outcomes, []
        return found

    async def delete(self) -> None:
        self.deleted = True


@pytest.fixture
def staging(workspace: Workspace) -> Workspace:
    """A workspace with three versions of `tiny`, the first of them pending in production."""
    for slope in (0.1, 0.2, 0.3):
        models.register(workspace, "tiny", sample_bundle(workspace.bundles, slope=slope))
    with workspace.state.write() as connection:
        releases.save_environment(
            connection,
            "production",
            platform="local",
            wanted="running",
            settings={},
            model="tiny",
        )
    request(workspace, 1, "all_at_once")
    return workspace


def request(workspace: Workspace, version: int, strategy: str = "canary") -> None:
    with workspace.state.write() as connection:
        live = releases.live(connection, "production")
        changes.create(
            connection,
            "production",
            model="tiny",
            version=version,
            replaces=live.version if live else None,
            strategy=strategy,
            options={
                "steps": [50.0, 100.0],
                "guards": {"error_rate": "5%"},
                "salt": "s",
            },
            who="ada",
        )


def current(workspace: Workspace) -> Release:
    with workspace.state.read() as connection:
        found = releases.current(connection, "production")
    assert found is not None
    return found


def drive(
    workspace: Workspace, target: Pretended, true: Callable[[], Any], *, looks: int = 500
) -> None:
    """Run a supervisor until something is true."""

    async def run() -> None:
        supervisor = asyncio.ensure_future(
            Supervisor(workspace, "production", target).run()  # type: ignore[arg-type]
        )
        for _ in range(looks):
            if true() or supervisor.done():
                break
            await asyncio.sleep(0.01)
        supervisor.cancel()
        await asyncio.gather(supervisor, return_exceptions=True)

    asyncio.run(run())
    assert true()


def test_a_first_release_gets_all_traffic_once_it_is_tested(staging: Workspace) -> None:
    target = Pretended()
    drive(staging, target, lambda: Split(1) in target.splits)
    assert current(staging).state == "live"
    assert target.splits == [Split(None), Split(1)]
    assert target.deleted


def test_a_candidate_gets_its_share_and_the_champion_stays_warm(staging: Workspace) -> None:
    target = Pretended()
    drive(staging, target, lambda: current(staging).state == "live")
    request(staging, 2)
    drive(staging, target, lambda: len(target.splits) > 2)
    assert target.splits[-1] == Split(1, 2, 0.5, 2, "s")
    target.outcomes = [Outcome(1.0, 2, None, i % 2 == 0, True, 1.0, 0.5) for i in range(600)]
    drive(staging, target, lambda: target.splits[-1] == Split(2))
    assert set(target.versions) == {1, 2}
    assert str(models.champion(staging, "tiny")) == "tiny:2"


def test_a_version_whose_worker_dies_fails(staging: Workspace) -> None:
    target = Pretended()
    target.never_ready, target.deaths = {1}, 3
    drive(staging, target, lambda: target.deleted)
    assert current(staging).reason == (
        "version 1 does not start: its worker ended with signal 9 before it was ready"
    )
    with staging.state.read() as connection:
        assert releases.known_environment(connection, "production").wanted == "stopped"


@pytest.mark.parametrize("failure", [GateFailed("other predictions"), ValueError("a bug")])
def test_a_failing_test_fails_the_release_alone(
    staging: Workspace, failure: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    target = Pretended()
    drive(staging, target, lambda: current(staging).state == "live")
    request(staging, 2)
    target.failure = failure
    drive(staging, target, lambda: current(staging).state == "failed")
    assert current(staging).reason == str(failure)
    assert target.splits[-1] == Split(1)
    assert ("ValueError" in capsys.readouterr().err) == isinstance(failure, ValueError)


def test_a_test_that_hangs_keeps_nobody_from_taking_it_back(staging: Workspace) -> None:
    target = Pretended()
    drive(staging, target, lambda: current(staging).state == "live")
    request(staging, 2)
    target.hangs = True
    drive(staging, target, lambda: current(staging).state == "testing")
    with staging.state.write() as connection:
        changes.ask(connection, current(staging), "rollback", "ada")
    drive(staging, target, lambda: current(staging).state == "rolled_back")


def test_an_alias_that_was_not_moved_before_the_end_is_moved_after(staging: Workspace) -> None:
    with staging.state.write() as connection:
        first = releases.current(connection, "production")
        assert first is not None
        changes.go_live(connection, first, "")
    request(staging, 3, "all_at_once")
    with staging.state.write() as connection:
        third = releases.current(connection, "production")
        assert third is not None
        changes.go_live(connection, third, "")
    assert str(models.champion(staging, "tiny")) == "tiny:1"
    drive(staging, Pretended(), lambda: str(models.champion(staging, "tiny")) == "tiny:3")


def test_a_release_that_begins_at_once_leaves_the_alias_of_the_last_to_be_moved(
    staging: Workspace,
) -> None:
    request(staging, 2, "all_at_once")
    with staging.state.write() as connection:
        second = releases.current(connection, "production")
        assert second is not None
        changes.go_live(connection, second, "")
    request(staging, 3)
    target = Pretended()
    target.never_ready = {3}
    drive(staging, target, lambda: str(models.champion(staging, "tiny")) == "tiny:2")
    assert current(staging).under_way


def test_a_stopped_environment_ends_its_supervisor(staging: Workspace) -> None:
    with staging.state.write() as connection:
        changes.stop(connection, "production")
    target = Pretended()
    drive(staging, target, lambda: target.deleted)
    assert target.versions == {}


def test_one_bad_look_does_not_end_it(
    staging: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    target = Pretended()
    looks: list[int] = []

    def broken() -> dict[int, VersionStatus]:
        looks.append(1)
        raise KeyError(0)

    target.status = broken  # type: ignore[method-assign]
    drive(staging, target, lambda: len(looks) > 2)
    assert "KeyError" in capsys.readouterr().err


def test_workers_that_are_busy_get_another_and_the_history_says_why(
    staging: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlwright.deploy.autoscale._EVERY", 0.0)
    with staging.state.write() as connection:
        settings = {"workers": 1, "auto_scaling": {"min": 1, "max": 2}}
        releases.save_environment(connection, "production", settings=settings)
    target = Pretended()
    target.load = Load(0.9, 1.0)
    drive(staging, target, lambda: target.workers == 2)
    assert target.workers == 2
    found = status(staging, "production")
    assert found.auto_scaling == {"min": 1, "max": 2, "workers": 2}
    assert found.scaled.endswith("1 → 2 workers: each was busy 90% of its time")
