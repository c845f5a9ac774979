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


def off(error: float, *, candidate: bool = False) -> Fact:
    return Fact(outcome(candidate=candidate), 10.0 + error, label="10")


def test_an_error_is_a_share_of_what_the_champion_showed_first() -> None:
    errors = reading(parse({"mae": "+25%"})[0])
    assert [errors.loss(off(1.0, candidate=True)) for _ in range(9)] == [None] * 9
    assert [errors.loss(off(-2.0)) for _ in range(200)] == [None] * 200
    assert [errors.loss(off(error)) for error in (1.0, -4.0, 99.0)] == [0.25, 1.0, 1.0]
    assert errors.loss(off(2.5, candidate=True)) == 0.5  # 25% more counts as much as 2.0
    assert errors.loss(Fact(outcome(), "Yes", label="No")) is None
    assert errors.loss(Fact(outcome(), 1.0)) is None


@pytest.mark.parametrize(("factor", "worse"), [(1.0, False), (1.5, True), (0.7, False)])
def test_a_candidate_whose_errors_are_larger_is_found(factor: float, worse: bool) -> None:
    rng = np.random.default_rng(4)
    evidence = Evidence(parse({"mae": "+5%"}))
    evidence.add_facts(
        facts(
            rng,
            6_000,
            champion=lambda r, o: Fact(o, 100 + 3 * r.standard_normal(), label=100),
            candidate=lambda r, o: Fact(o, 100 + 3 * factor * r.standard_normal(), label=100),
        ),
        "label",
    )
    (found,) = evidence.observations().guards
    assert (found.worse, found.way == 1.0) == (worse, factor < 1)
    told = found.to_json()
    assert told["champion"]["mean"] == pytest.approx(2.4, rel=0.05)
    assert told["candidate"]["mean"] == pytest.approx(2.4 * factor, rel=0.05)
    if worse:
        assert found.verdict.startswith("mae=+5%: off by 3.")
        assert found.verdict.endswith(" on the champion")
        assert told["difference"]["low"] > 0


def test_healthy_errors_are_taken_back_seldom() -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(60):
        evidence = Evidence(parse({"mae": "+1%"}))
        heavy = lambda r, o: Fact(o, float(r.standard_t(3)), label=0)  # noqa: E731
        evidence.add_facts(facts(rng, 1_500, champion=heavy, candidate=heavy), "label")
        wrong += evidence.observations().guards[0].worse
    assert wrong <= 2
