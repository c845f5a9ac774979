from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mlwright.deploy.guards import parse
from mlwright.deploy.releases import Release
from mlwright.deploy.seen import Arm, GuardEvidence, Needs, Observations, Split
from mlwright.deploy.strategies import (
    STRATEGIES,
    Ab,
    AllAtOnce,
    BlueGreen,
    Canary,
    Linear,
    Rolling,
    Shadow,
)

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
        "Ab",
        "AllAtOnce",
        "BlueGreen",
        "Canary",
        "Linear",
        "Rolling",
        "Shadow",
    ]


def test_blue_green_switches_at_once_or_after_its_canary(a_release: Make) -> None:
    at_once = a_release(options={"steps": [100.0]}, state="testing", weight=0.0)
    assert BlueGreen().next_step(at_once, Observations()).action == "promote"
    assert BlueGreen().next_step(a_release(), seen(0.5)).action == "wait"
    assert BlueGreen().next_step(a_release(), seen(1.0)).action == "promote"
    assert BlueGreen().next_step(a_release(), seen(0.5, worse=True)).action == "rollback"


def test_a_linear_rollout_goes_by_time_and_ends_by_proof(a_release: Make) -> None:
    options = {"steps": [10.0, 20.0, 100.0], "interval": 60.0}

    def at(step: int, seconds: float, way: float) -> tuple[str, float]:
        observations = replace(seen(way), at_step=seconds)
        found = Linear().next_step(a_release(options=options, step=step), observations)
        return found.action, found.weight

    assert at(0, 59, 1.0) == ("wait", 0.1)
    assert at(0, 60, 0.0) == ("shift", 0.2)
    assert at(1, 600, 0.9)[0] == "wait"
    assert at(1, 0, 1.0) == ("promote", 1.0)


def test_a_rolling_one_goes_by_time_alone(a_release: Make) -> None:
    options = {"steps": [50.0, 100.0], "interval": 5.0}
    release = a_release(options=options)
    assert Rolling().next_step(release, replace(seen(0.0), at_step=4.0)).action == "wait"
    assert Rolling().next_step(release, replace(seen(0.0), at_step=5.0)).action == "promote"
    worse = replace(seen(0.0, worse=True), at_step=1.0)
    assert Rolling().next_step(release, worse).action == "rollback"


def test_what_is_tried_waits_for_a_person(a_release: Make) -> None:
    for strategy, weight in ((Shadow(), 0.0), (Ab(), 0.1)):
        begun = strategy.next_step(a_release(state="testing"), Observations())
        assert (begun.action, begun.weight) == ("shift", weight)
        assert strategy.next_step(a_release(), seen(1.0)).action == "wait"
        assert strategy.next_step(a_release(request="promote"), seen(0.0)).action == "promote"
        assert strategy.next_step(a_release(request="rollback"), seen(0.0)).action == "rollback"


def test_a_wrong_split_ends_it(a_release: Make) -> None:
    split = Split(5_000, 200, 500.0, 1e9, 5_000.0, mismatch=True)
    step = Canary().next_step(a_release(), replace(seen(1.0), split=split))
    assert (step.action, step.reason) == (
        "rollback",
        "sample-ratio mismatch: 200 of 5,000 units reached the candidate where 500 were to: "
        "nothing can be concluded",
    )


def test_what_is_missing_is_said(a_release: Make) -> None:
    observations = replace(seen(0.5), needs=Needs(3_210, 95))
    assert Canary().next_step(a_release(), observations).reason == (
        "not enough data: about 3,200 requests more, 2 min at the present rate"
    )
