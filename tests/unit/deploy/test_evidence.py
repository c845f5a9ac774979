from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mlwright.deploy.evidence import Evidence
from mlwright.deploy.guards import parse
from mlwright.predictions.lines import Outcome

Traffic = Callable[..., Iterator[list[Outcome]]]
ERRORS = parse({"error_rate": "1%"})


def outcome(key: str | None, *, candidate: bool = True, ok: bool = True) -> Outcome:
    return Outcome(1.0, 5, key, candidate, ok, 1.0, 0.5)


def test_a_key_is_one_unit_by_its_first_outcome_and_its_first_failure() -> None:
    evidence = Evidence(ERRORS)
    evidence.add([outcome("a"), outcome("a", ok=False), outcome("a", ok=False)])
    (found,) = evidence.observations().guards
    assert found.candidate.to_json() == {
        "requests": 3,
        "bad_requests": 2,
        "units": 1,
        "bad_units": 0,
    }
    one_error = Evidence(ERRORS)
    one_error.add([outcome("b", ok=False)])
    assert found.log_e_worse == one_error.observations().guards[0].log_e_worse > 0


def test_requests_without_a_key_are_units_each() -> None:
    evidence = Evidence(ERRORS)
    evidence.add([outcome(None, ok=False)] * 4)
    (found,) = evidence.observations().guards
    assert (found.candidate.units, found.candidate.bad_units) == (4, 4)


def test_a_share_of_nothing_compares_nothing() -> None:
    evidence = Evidence(ERRORS)
    evidence.add([Outcome(1.0, 5, None, False, False, 1.0, weight) for weight in (0.0, 1.0)])
    assert evidence.observations().guards[0].champion.requests == 0


def test_alpha_is_shared_for_the_rollback_and_whole_for_the_promotion() -> None:
    guards = parse({"error_rate": "1%", "p95": "1s", "p99": "2s"})
    found = Evidence(guards, alpha=0.03).observations()
    parts = [1 / guard.threshold_worse for guard in found.guards] + [1 / found.split.threshold]
    assert sum(parts) == pytest.approx(0.03)
    assert parts[0] == pytest.approx(0.03 * 0.98 * 0.88)
    assert {round(guard.threshold_not_inferior) for guard in found.guards} == {33}


def test_whoever_reads_again_in_other_pieces_comes_to_the_same(traffic: Traffic) -> None:
    rng = np.random.default_rng(1)
    batches = traffic(rng, champion=0.02, candidate=0.05, weight=lambda: 0.2, keys=300)
    outcomes = [outcome for _ in range(20) for outcome in next(batches)]
    whole, pieces = Evidence(ERRORS), Evidence(ERRORS)
    whole.add(outcomes)
    for start in range(0, len(outcomes), 37):
        pieces.add(outcomes[start : start + 37])
    a, b = (e.observations().guards[0] for e in (whole, pieces))
    assert (a.champion, a.candidate) == (b.champion, b.candidate)
    np.testing.assert_allclose(
        [a.log_e_worse, a.log_e_not_inferior], [b.log_e_worse, b.log_e_not_inferior]
    )


def test_the_history_stays_small_and_ends_now() -> None:
    evidence = Evidence(ERRORS)
    for i in range(100):
        evidence.add([Outcome(float(i), 5, None, i % 2 == 0, True, 1.0, 0.5)] * 700)
    shown = evidence.observations().to_json()["guards"][0]
    assert 100 <= len(shown["history"]) <= 200
    assert set(shown["history"][-1]) == {"units", "time", "log10_e", "log10_promotion_e"}
    assert shown["history"][-1]["units"] > 69_000
    json.dumps(shown, allow_nan=False)
