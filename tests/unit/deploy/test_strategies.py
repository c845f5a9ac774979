from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from mlwright.deploy.evidence import Arm, GuardEvidence, Observations
from mlwright.deploy.guards import parse
from mlwright.deploy.releases import Release
from mlwright.deploy.strategies import STRATEGIES, AllAtOnce, Canary

Make = Callable[..., Release]


def seen(*ways: float, worse: bool = False) -> Observations:
    (guard,) = parse({"error_rate": "1%"})
    arms = Arm(900, 9, 900, 9), Arm(100, 50, 100, 50)
    return Observations(
        tuple(
            GuardEvidence(guard, *arms, 0.0, way * math.log(100), worse, way, 200.0, 100.0)
            for way in ways
        )
    )


def step_of(release: Release, observations: Observations) -> tuple[str, int, float, str]:
    step = Canary().next_step(release, observations)
    return step.action, step.step, step.weight, step.reason


def test_all_at_once_promotes(a_release: Make) -> None:
    step = AllAtOnce().next_step(a_release(weight=0.0), Observations())
    assert (step.action, step.weight) == ("promote", 1.0)


def test_a_canary_begins_with_its_first_share(a_release: Make) -> None:
    release = a_release(weight=0.0, state="testing")
    assert step_of(release, seen(0.0)) == ("shift", 0, 0.1, "10% of traffic to try it")


def test_a_canary_waits_without_evidence(a_release: Make) -> None:
    for observations in (Observations(), seen(1.0, 0.99)):
        assert step_of(a_release(), observations) == ("wait", 0, 0.1, "not enough data")


def test_a_canary_is_promoted_when_every_guard_agrees(a_release: Make) -> None:
    expected = ("promote", 0, 1.0, "no worse than the champion on every guard")
    assert step_of(a_release(), seen(1.0, 1.0)) == expected


def test_one_guard_takes_it_back(a_release: Make) -> None:
    action, _, weight, reason = step_of(a_release(), seen(1.0, worse=True))
    assert (action, weight) == ("rollback", 0.0)
    assert reason == (
        "error_rate=1%: 50 of 100 (50.0%) bad on the candidate, 9 of 900 (1.0%) on the champion"
    )


def test_shares_are_left_by_equal_parts_of_the_way(a_release: Make) -> None:
    options = {"steps": [5.0, 25.0, 50.0, 100.0]}

    def at(step: int, way: float) -> tuple[str, int]:
        found = step_of(a_release(options=options, step=step, weight=0.05), seen(way))
        return found[:2]

    assert at(0, 0.33) == ("wait", 0)
    assert at(0, 0.34) == ("shift", 1)
    assert at(1, 0.66) == ("wait", 1)
    assert at(1, 0.67) == ("shift", 2)
    assert at(2, 0.99) == ("wait", 2)
    assert at(2, 1.0) == ("promote", 2)


@pytest.mark.parametrize(("request_", "weight"), [("promote", 1.0), ("rollback", 0.0)])
def test_a_person_decides(a_release: Make, request_: Any, weight: float) -> None:
    expected = (request_, 0, weight, "asked for by a person")
    assert step_of(a_release(request=request_), seen(0.0)) == expected


def test_the_table_loads_every_strategy() -> None:
    assert [STRATEGIES.load(name).__name__ for name in STRATEGIES.names()] == [
        "AllAtOnce",
        "Canary",
    ]
