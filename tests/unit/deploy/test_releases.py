from __future__ import annotations

from typing import Any

import pytest

from mlwright.core.errors import NotFound
from mlwright.core.workspace import Workspace
from mlwright.deploy import changes, releases
from mlwright.deploy.releases import Release


def new(connection: Any, version: int, **options: Any) -> Release:
    live = releases.live(connection, "staging")
    return changes.create(
        connection,
        "staging",
        model="churn",
        version=version,
        replaces=live.version if live else None,
        strategy="all_at_once",
        options=options,
        who="ada",
    )


@pytest.fixture
def running(workspace: Workspace) -> Workspace:
    """A workspace whose staging answers with version 1."""
    with workspace.state.write() as connection:
        releases.save_environment(
            connection, "staging", platform="local", wanted="running", settings={}
        )
        changes.go_live(connection, new(connection, 1), "passed its tests")
    return workspace


def test_an_unknown_environment_is_answered_with_the_nearest(running: Workspace) -> None:
    with running.state.read() as connection, pytest.raises(NotFound) as caught:
        releases.known_environment(connection, "stagin")
    assert str(caught.value) == "no environment is named 'stagin'; did you mean 'staging'?"
    assert caught.value.hint == "known: staging"


def test_the_first_environment_is_hinted_at(workspace: Workspace) -> None:
    with workspace.state.read() as connection, pytest.raises(NotFound) as caught:
        releases.known_environment(connection, "staging")
    assert caught.value.hint == "mlwright deploy MODEL staging"


def test_going_live_keeps_the_version_before(running: Workspace) -> None:
    with running.state.write() as connection:
        for version in (2, 3, 3):
            changes.go_live(connection, new(connection, version), "")
        there = releases.known_environment(connection, "staging")
        live = releases.live(connection, "staging")
    assert (there.version, there.previous) == (3, 2)
    assert live is not None
    assert live.id == 4


def test_what_a_rollback_undoes_is_rolled_back_and_the_rest_superseded(
    running: Workspace,
) -> None:
    with running.state.write() as connection:
        second = new(connection, 2)
        changes.go_live(connection, second, "")
        changes.go_live(connection, new(connection, 1, undoes=second.id), "")
        states = [releases.release(connection, number).state for number in (1, 2, 3)]
        there = releases.known_environment(connection, "staging")
    assert states == ["superseded", "rolled_back", "live"]
    assert (there.version, there.previous) == (1, 2)


def test_a_release_that_fails_leaves_what_answers(running: Workspace) -> None:
    with running.state.write() as connection:
        second = new(connection, 2)
        changes.shift(connection, second, 0, 0.1, "10%", {})
        changes.end(connection, second, "failed", "the smoke test got no answer")
        found = releases.release(connection, second.id)
        assert releases.under_way(connection, "staging") is None
        assert releases.known_environment(connection, "staging").wanted == "running"
        assert releases.live(connection, "staging") is not None
    assert (found.state, found.weight, found.reason) == (
        "failed",
        0.0,
        "the smoke test got no answer",
    )


def test_a_first_release_that_fails_stops_the_environment(workspace: Workspace) -> None:
    with workspace.state.write() as connection:
        releases.save_environment(
            connection, "staging", platform="local", wanted="running", settings={}
        )
        changes.end(connection, new(connection, 1), "failed", "")
        assert releases.known_environment(connection, "staging").wanted == "stopped"


def test_stopping_ends_what_is_live_and_what_is_under_way(running: Workspace) -> None:
    with running.state.write() as connection:
        second = new(connection, 2)
        changes.stop(connection, "staging")
        states = [releases.release(connection, number).state for number in (1, second.id)]
        there = releases.known_environment(connection, "staging")
        assert releases.live(connection, "staging") is None
    assert states == ["stopped", "stopped"]
    assert (there.wanted, there.version) == ("stopped", 1)


def test_events_tell_the_story_in_order(running: Workspace) -> None:
    with running.state.write() as connection:
        second = new(connection, 2)
        changes.ask(connection, second, "rollback", "bob")
        changes.end(connection, second, "rolled_back", "asked for by a person")
        told = [(e.what, e.detail) for e in releases.events_of(connection, second)]
        assert releases.release(connection, second.id).request is None
    assert told == [
        ("pending", {"strategy": "all_at_once", "version": 2, "who": "ada"}),
        ("asked", {"request": "rollback", "who": "bob"}),
        ("rolled_back", {"reason": "asked for by a person"}),
    ]
