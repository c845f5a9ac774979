"""The whole way of a decision, from outcomes to the database, over seeded histories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from mlwright.core.workspace import Workspace
from mlwright.deploy import changes, releases
from mlwright.deploy.evidence import Evidence
from mlwright.deploy.guards import parse
from mlwright.deploy.releases import Release
from mlwright.deploy.rollout import Rollout
from mlwright.deploy.strategies import Canary, Step
from mlwright.predictions.lines import Outcome

Traffic = Callable[..., Iterator[list[Outcome]]]
Make = Callable[..., Release]


def decide(
    traffic: Traffic, make: Make, seed: int, *, requests: int, keys: int | None = None, **rates: Any
) -> tuple[Step, int]:
    """Run a canary at 10% until it is decided; return the decision and the requests it took."""
    release, evidence = make(), Evidence(parse({"error_rate": "1%", "p95": "500ms"}))
    rng = np.random.default_rng(seed)
    batches = traffic(rng, weight=lambda: release.weight, keys=keys, **rates)
    for used in range(100, requests + 1, 100):
        evidence.add(next(batches))
        step = Canary().next_step(release, evidence.observations())
        if step.action in ("promote", "rollback"):
            return step, used
    return step, requests


def outcomes_of(traffic: Traffic, make: Make, repeats: int, **options: Any) -> list[str]:
    return [decide(traffic, make, seed, **options)[0].action for seed in range(repeats)]


def test_a_healthy_candidate_is_promoted(traffic: Traffic, a_release: Make) -> None:
    found = outcomes_of(traffic, a_release, 5, requests=9_000, champion=0.0, candidate=0.0)
    assert set(found) == {"promote"}


def test_half_failing_is_back_within_a_few_hundred_requests(
    traffic: Traffic, a_release: Make
) -> None:
    rates = {"champion": 0.01, "candidate": 0.5}
    found = [decide(traffic, a_release, seed, requests=2_000, **rates) for seed in range(40)]
    assert {step.action for step, _ in found} == {"rollback"}
    assert np.median([used for _, used in found]) <= 200


@pytest.mark.parametrize("keys", [None, 200])
def test_a_healthy_candidate_is_rarely_taken_back(
    traffic: Traffic, a_release: Make, keys: int | None
) -> None:
    # At most 1% each: 3 of 40 have a chance of 1% then.
    rates = {"champion": 0.2, "candidate": 0.2}
    found = outcomes_of(traffic, a_release, 40, requests=1_000, keys=keys, **rates)
    assert found.count("rollback") <= 2


def test_a_candidate_worse_than_the_margin_is_not_promoted(
    traffic: Traffic, a_release: Make
) -> None:
    rates = {"champion": 0.0, "candidate": 0.011}
    found = outcomes_of(traffic, a_release, 10, requests=6_000, **rates)
    assert found.count("promote") <= 1


class Logged:
    """A target that only has outcomes."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self._new = list(outcomes)

    def observe(self, release: int) -> list[Outcome]:
        found, self._new = self._new, []
        assert all(outcome.release == release for outcome in found)
        return found


def begun(workspace: Workspace, state: Any = "testing") -> Release:
    """A release in the database beside a live one."""
    options = {"steps": [50.0, 100.0], "guards": {"error_rate": "5%"}, "salt": "s"}
    with workspace.state.write() as connection:
        releases.save_environment(
            connection, "staging", platform="local", wanted="running", settings={}, version=1
        )
        common: dict[str, Any] = {"model": "m", "strategy": "canary", "options": options}
        first = changes.create(connection, "staging", version=1, replaces=None, who="ada", **common)
        changes.go_live(connection, first, "passed its tests")
        second = changes.create(connection, "staging", version=2, replaces=1, who="ada", **common)
        changes.enter(connection, second, state)
        return releases.release(connection, second.id)


def look(workspace: Workspace, outcomes: Sequence[Outcome]) -> tuple[Release, list[str]]:
    """Let a rollout take its first share, then see these outcomes."""
    release = begun(workspace)
    Rollout(workspace, release, Logged([])).look(release)  # type: ignore[arg-type]
    with workspace.state.read() as connection:
        release = releases.release(connection, release.id)
    assert (release.state, release.weight) == ("rolling", 0.5)
    seen = [Outcome(1.0, release.id, None, o.candidate, o.ok, 1.0, 0.5) for o in outcomes]
    Rollout(workspace, release, Logged(seen)).look(release)  # type: ignore[arg-type]
    with workspace.state.read() as connection:
        found = releases.release(connection, release.id)
        return found, [event.what for event in releases.events_of(connection, found)]


def arms(*, ok_on_candidate: bool, n: int = 400) -> list[Outcome]:
    return [
        Outcome(1.0, 0, None, i % 2 == 0, i % 2 == 1 or ok_on_candidate, 1.0, 0.5) for i in range(n)
    ]


def test_a_promotion_is_written_with_its_evidence(workspace: Workspace) -> None:
    found, events = look(workspace, arms(ok_on_candidate=True))
    assert (found.state, found.weight) == ("live", 1.0)
    assert events == ["pending", "testing", "shift", "promote", "live"]
    with workspace.state.read() as connection:
        there = releases.known_environment(connection, "staging")
        assert (there.version, there.previous) == (2, 1)
        assert releases.release(connection, found.id - 1).state == "superseded"
        promote = releases.events_of(connection, found)[3]
    assert promote.detail["evidence"]["guards"][0]["promotion_e_value"] >= 100
    assert "history" not in promote.detail["evidence"]["guards"][0]
    assert found.evidence["guards"][0]["history"]


def test_a_rollback_is_written_and_the_environment_stays(workspace: Workspace) -> None:
    found, events = look(workspace, arms(ok_on_candidate=False))
    assert (found.state, found.weight) == ("rolled_back", 0.0)
    assert events == ["pending", "testing", "shift", "rollback", "rolled_back"]
    with workspace.state.read() as connection:
        there = releases.known_environment(connection, "staging")
        assert (there.version, there.previous, there.wanted) == (1, None, "running")


def test_too_little_evidence_changes_nothing(workspace: Workspace) -> None:
    found, events = look(workspace, arms(ok_on_candidate=True, n=20))
    assert (found.state, found.weight) == ("rolling", 0.5)
    assert events == ["pending", "testing", "shift"]


def test_a_release_that_was_ended_meanwhile_is_not_brought_back(workspace: Workspace) -> None:
    release = begun(workspace, "rolling")
    with workspace.state.write() as connection:
        changes.stop(connection, "staging")
    Rollout(workspace, release, Logged([])).look(release)  # type: ignore[arg-type]
    with workspace.state.read() as connection:
        assert releases.release(connection, release.id).state == "stopped"


def test_what_a_person_asked_for_meanwhile_is_not_overtaken(workspace: Workspace) -> None:
    release = begun(workspace)
    with workspace.state.write() as connection:
        releases.save_release(connection, release, strategy="all_at_once")
        release = releases.release(connection, release.id)
        changes.ask(connection, release, "rollback", "ada")
    Rollout(workspace, release, Logged([])).look(release)  # type: ignore[arg-type]
    with workspace.state.read() as connection:
        found = releases.release(connection, release.id)
    assert (found.state, found.request) == ("testing", "rollback")
