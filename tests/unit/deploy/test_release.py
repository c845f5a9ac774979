from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys

import pytest
from sqlalchemy import Connection

from mlwright.core.errors import Busy, NotFound, UserError
from mlwright.core.workspace import Workspace
from mlwright.deploy import begin as begin_module
from mlwright.deploy import changes, launch, planning, release, releases
from mlwright.deploy.status import supervisor_file
from mlwright.serve.spec import Access
from mlwright.testing.target import sample_bundle
from mlwright.track import models


def test_reading_and_deploying_never_import_a_tracker_or_a_trainer() -> None:
    code = (
        "import sys, mlwright.deploy.release, mlwright.deploy.supervisor, "
        "mlwright.deploy.targets.local; "
        "print(sorted({'mlflow', 'sklearn', 'pandas', 'lightgbm', 'polars', 'scipy.stats'} "
        "& set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("verb", [release.promote, release.rollback, release.stop, release.status])
def test_every_verb_names_the_environment_that_it_does_not_know(
    workspace: Workspace, verb: object
) -> None:
    with pytest.raises(NotFound) as caught:
        verb(workspace, "staging")  # type: ignore[operator]
    assert str(caught.value) == "no environment is named 'staging'"
    assert caught.value.hint == "mlwright deploy MODEL staging"


def test_a_bad_name_makes_nothing(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="cannot be the name of an environment"):
        release.deploy(workspace, "tiny", "../staging")
    assert not list(workspace.folder.glob("**/*staging*"))


def test_nothing_runs_in_an_empty_workspace(workspace: Workspace) -> None:
    assert release.environments(workspace) == []
    assert release.stop_all(workspace) == []


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    """A workspace whose production answers with tiny:2, and had tiny:1 before."""
    for slope in (0.1, 0.2):
        models.register(workspace, "tiny", sample_bundle(workspace.bundles, slope=slope))
    with workspace.state.write() as connection:
        releases.save_environment(
            connection,
            "production",
            platform="local",
            wanted="running",
            settings={"host": "127.0.0.1", "port": 0},
            model="tiny",
        )
        for version in (1, 2):
            changes.go_live(connection, begin(connection, version), "")
    return workspace


def begin(connection: Connection, version: int) -> releases.Release:
    return changes.create(
        connection,
        "production",
        model="tiny",
        version=version,
        replaces=None,
        strategy="all_at_once",
        options={},
        who="ada",
    )


def test_a_rollback_does_not_hide_a_release_that_began_meanwhile(
    two: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(workspace: Workspace, model: str) -> models.ModelVersion:
        with workspace.state.write() as connection:
            begin(connection, 1)
        return models.resolve(workspace, model)

    monkeypatch.setattr(begin_module, "deployable", overtaken)
    with pytest.raises(Busy) as caught:
        release.rollback(two, "production")
    assert str(caught.value) == "tiny:1 began to be rolled out in production meanwhile"
    assert caught.value.hint == "mlwright rollback production takes it back"


def test_another_model_in_a_stopped_environment_inherits_no_version(two: Workspace) -> None:
    models.register(two, "other", sample_bundle(two.bundles, slope=0.7))
    with two.state.write() as connection:
        changes.stop(connection, "production")
    planned = planning.plan(two, "other", "production")
    door = launch.door(two, "production", "127.0.0.1", 0, Access())
    assert door is not None
    with door.listener, two.state.write() as connection:
        launch.write_environment(connection, planned, door)
    with two.state.read() as connection:
        there = releases.known_environment(connection, "production")
    assert (there.model, there.version, there.previous) == ("other", None, None)


def test_a_supervisor_that_is_ending_is_waited_for(
    two: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two.state.write() as connection:
        changes.stop(connection, "production")
    monkeypatch.setattr(launch, "_PATIENCE", 0.05)
    path = supervisor_file(two.environment("production"))
    path.parent.mkdir(parents=True)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        json.dump({"pid": os.getpid()}, held)
        held.flush()
        with pytest.raises(Busy) as caught:
            launch.door(two, "production", "127.0.0.1", 0, Access())
    assert str(caught.value) == "production is still being stopped"
    door = launch.door(two, "production", "127.0.0.1", 0, Access())
    assert door is not None
    with door.listener:
        assert door.listener.getsockname()[1]


def test_what_went_live_just_before_a_stop_is_champion(two: Workspace) -> None:
    assert str(models.champion(two, "tiny")) == "tiny:1"
    release.stop(two, "production")
    assert str(models.champion(two, "tiny")) == "tiny:2"


def test_nobody_is_started_to_be_stopped(two: Workspace) -> None:
    with two.state.write() as connection:
        changes.stop(connection, "production")
    launch.ensure(two, "production")
    assert not (two.environment("production") / "run" / "supervisor.log").exists()
