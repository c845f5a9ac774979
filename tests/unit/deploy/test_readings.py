from __future__ import annotations

import numpy as np
import pytest

from mlwright.deploy.evidence import Evidence
from mlwright.deploy.guards import parse
from mlwright.deploy.readings import Fact, Slower, Usual, reading
from mlwright.predictions.lines import Outcome


def outcome(*, candidate: bool = False, key: str | None = None) -> Outcome:
    return Outcome(1.0, 5, key, candidate, True, 1.0, 0.5, "r")


def took(milliseconds: float, *, candidate: bool = False) -> Fact:
    return Fact(outcome(candidate=candidate), "Yes", milliseconds)


def test_slower_is_held_against_the_champion_of_before() -> None:
    slower = Slower(0.95, 1.1)
    assert [slower.loss(took(100.0)) for _ in range(200)] == [None] * 200
    assert [slower.loss(took(ms)) for ms in (100.0, 100.1)] == [0.0, 1.0]
    assert [slower.loss(took(ms, candidate=True)) for ms in (109.9, 110.1)] == [0.0, 1.0]


def test_a_millisecond_is_nobodys_concern() -> None:
    slower = Slower(0.95, 1.1)
    for _ in range(200):
        slower.loss(took(0.2))
    assert [slower.loss(took(ms, candidate=True)) for ms in (1.1, 1.3)] == [0.0, 1.0]


def test_the_usual_prediction_is_learned_and_then_fixed() -> None:
    usual = Usual()
    for i in range(200):
        assert usual.loss(Fact(outcome(), "No" if i % 3 else "Yes")) is None
    assert [usual.loss(Fact(outcome(), name)) for name in ("No", "Yes")] == [1.0, 0.0]
    numbers = Usual()
    for i in range(200):
        numbers.loss(Fact(outcome(), float(i)))
    assert [numbers.loss(Fact(outcome(), value)) for value in (99.0, 100.0)] == [0.0, 1.0]


def test_labels_and_told_values_are_losses() -> None:
    accuracy, told = map(reading, parse({"accuracy": "-1%", "sold": "-2%"}))
    assert accuracy.loss(Fact(outcome(), "Yes", label="No")) == 1.0
    assert accuracy.loss(Fact(outcome(), "Yes", label="Yes")) == 0.0
    assert accuracy.loss(Fact(outcome(), "Yes")) is None
    assert told.loss(Fact(outcome(), value=0.25, measure="sold")) == 0.75
    assert told.loss(Fact(outcome(), value=0.25, measure="bought")) is None


def facts(rng: np.random.Generator, n: int, **of: object) -> list[Fact]:
    made = []
    for _ in range(n):
        candidate = bool(rng.random() < 0.5)
        draw = of["candidate" if candidate else "champion"]
        made.append(draw(rng, outcome(candidate=candidate)))  # type: ignore[operator]
    return made


@pytest.mark.parametrize("factor", [1.0, 1.6])
def test_a_slower_candidate_is_found_and_an_equal_one_promoted(factor: float) -> None:
    rng = np.random.default_rng(1)
    evidence = Evidence(parse({"p95": "+10%"}))
    evidence.add_facts(
        facts(
            rng,
            6_000,
            champion=lambda r, o: Fact(o, "Yes", 50 * r.lognormal(0, 0.3)),
            candidate=lambda r, o: Fact(o, "Yes", factor * 50 * r.lognormal(0, 0.3)),
        ),
        "prediction",
    )
    (found,) = evidence.observations().guards
    assert (found.worse, found.way == 1.0) == (factor > 1, factor == 1)


@pytest.mark.parametrize(("share", "worse"), [(0.5, False), (0.2, True), (0.8, True)])
def test_other_predictions_are_found_on_both_sides(share: float, worse: bool) -> None:
    rng = np.random.default_rng(2)
    evidence = Evidence(parse({"predictions": "10%"}))
    evidence.add_facts(
        facts(
            rng,
            8_000,
            champion=lambda r, o: Fact(o, "No" if r.random() < 0.5 else "Yes"),
            candidate=lambda r, o: Fact(o, "No" if r.random() < share else "Yes"),
        ),
        "prediction",
    )
    (found,) = evidence.observations().guards
    assert found.worse is worse
    assert (found.way == 1.0) is not worse
    if worse:
        assert "predictions of the usual kind on the candidate" in found.verdict


def test_a_mean_that_was_told_is_compared() -> None:
    rng = np.random.default_rng(3)
    evidence = Evidence(parse({"sold": "-5%"}))
    evidence.add_facts(
        facts(
            rng,
            8_000,
            champion=lambda r, o: Fact(o, value=r.beta(3, 7), measure="sold"),
            candidate=lambda r, o: Fact(o, value=r.beta(2, 8), measure="sold"),
        ),
        "measure",
    )
    (found,) = evidence.observations().guards
    assert found.worse
    interval = found.to_json()["difference"]
    assert interval["low"] < 0.1 < interval["high"]
    assert interval["low"] > 0
