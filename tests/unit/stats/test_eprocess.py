"""Each sequential test by simulation of its error rate and power, 400 repeats, fixed seeds.

With a true rate of 1%, at most 10 of 400 repeats go wrong with probability .997.
"""

import json
from dataclasses import asdict

import numpy as np
import pytest

from mlwright.stats.eprocess import (
    NonInferiority,
    RateEProcess,
    non_inferiority_log_wealth,
    rate_log_wealth,
)

REPEATS, REQUESTS, SHARE = 400, 20_000, 0.1
LIMIT = np.log(100)


def first_crossing(log_wealth, limit=LIMIT):
    """Return the index at which the wealth first reaches the limit, or None."""
    crossed = np.flatnonzero(log_wealth >= limit)
    return int(crossed[0]) if len(crossed) else None


def stops(seed, champion, candidate, requests=REQUESTS, repeats=REPEATS):
    """Return the request at which each simulated rollout is rolled back, infinity if never."""
    rng = np.random.default_rng(seed)
    found = np.full(repeats, np.inf)
    for repeat in range(repeats):
        arm = rng.random(requests) < SHARE
        errors = np.flatnonzero(rng.random(requests) < np.where(arm, candidate, champion))
        at = first_crossing(rate_log_wealth(arm[errors], np.full(len(errors), SHARE)))
        if at is not None:
            found[repeat] = errors[at] + 1
    return found


def bursts():
    rates = np.full(REQUESTS, 0.01)
    rates[2_000:2_500], rates[9_000:9_300] = 0.15, 0.40
    return rates


@pytest.mark.parametrize(
    ("champion", "candidate"),
    [(0.01, 0.01), (0.2, 0.2), (bursts(), bursts()), (0.02, 0.01)],
    ids=["1%", "20%", "bursts common to both", "candidate better"],
)
def test_a_healthy_candidate_stays(champion, candidate):
    assert np.isfinite(stops(11, champion, candidate)).sum() <= 10


def test_a_share_that_grows_is_no_evidence():
    rng = np.random.default_rng(12)
    wrong = 0
    for _ in range(REPEATS):
        weights = np.repeat([0.05, 0.25, 0.5], 300)
        wrong += rate_log_wealth(rng.random(900) < weights, weights).max() >= LIMIT
    assert wrong <= 10


def test_sticky_heavy_keys_need_the_first_error_of_a_key():
    rng = np.random.default_rng(13)
    by_request = by_key = 0
    for _ in range(REPEATS):
        traffic = rng.pareto(1.2, 2_000) + 0.1
        keys = rng.choice(2_000, 10_000, p=traffic / traffic.sum())
        arm, rate = rng.random(2_000) < SHARE, rng.beta(0.3, 14.7, 2_000)
        erring = keys[rng.random(10_000) < rate[keys]]
        first = erring[np.sort(np.unique(erring, return_index=True)[1])]
        by_request += rate_log_wealth(arm[erring], np.full(len(erring), SHARE)).max() >= LIMIT
        by_key += rate_log_wealth(arm[first], np.full(len(first), SHARE)).max() >= LIMIT
    assert by_key <= 10
    assert by_request >= 20  # so the simulation can tell the two apart


def test_a_worse_candidate_is_found_in_time():
    assert np.median(stops(14, 0.01, 0.05)) <= 1_650
    assert np.median(stops(15, 0.01, 0.5, requests=1_000)) <= 68
    twice = stops(16, 0.01, 0.02)
    assert np.isfinite(twice).mean() >= 0.55


def test_one_error_at_a_time_equals_the_batch():
    rng = np.random.default_rng(17)
    weights = rng.choice([0.05, 0.3], 60)
    arms = rng.random(60) < 2 * weights
    evidence, steps = RateEProcess(), []
    for arm, weight in zip(arms.tolist(), weights.tolist(), strict=True):
        evidence = evidence.update(arm, weight)
        steps.append(evidence.log_e)
    np.testing.assert_allclose(steps, rate_log_wealth(arms, weights), atol=1e-9)
    assert evidence.p_value == pytest.approx(min(1.0, np.exp(-max(steps))))
    assert (evidence.errors, evidence.candidate_errors) == (60, arms.sum())
    restored = json.loads(json.dumps(asdict(evidence), allow_nan=False))
    assert RateEProcess(**restored | {"log_wealth": tuple(restored["log_wealth"])}) == evidence


def test_a_verdict_once_reached_stays():
    evidence = RateEProcess()
    for arm in [True] * 4 + [False] * 50:
        evidence = evidence.update(arm, 0.1)
    assert evidence.log_e < 0 < LIMIT <= evidence.peak
    assert evidence.crossed(0.01)
    assert not RateEProcess().crossed(0.01)


def accepted_at(rng, champion, candidate, *, alpha, requests, share=SHARE, margin=0.01):
    arm = rng.random(requests) < share
    bad = rng.random(requests) < np.where(arm, candidate, champion)
    wealth = non_inferiority_log_wealth(arm, bad, np.full(requests, share), margin=margin)
    return first_crossing(wealth, -np.log(alpha))


def test_a_candidate_worse_by_the_margin_is_rarely_promoted():
    rng = np.random.default_rng(18)
    wrong = [
        accepted_at(rng, 0.01, 0.02, alpha=0.05, requests=10_000) is not None for _ in range(300)
    ]
    assert sum(wrong) <= 25  # 5% of 300, .995 bound


def test_the_null_is_about_the_running_mean():
    # Two points worse at first, then equal: the average excess stays at the margin or above.
    rng = np.random.default_rng(19)
    candidate = np.r_[np.full(4_000, 0.03), np.full(4_000, 0.01)]
    wrong = [
        accepted_at(rng, 0.01, candidate, alpha=0.05, requests=8_000) is not None
        for _ in range(300)
    ]
    assert sum(wrong) <= 25


def test_an_equal_candidate_is_promoted_in_time():
    rng = np.random.default_rng(20)
    calm = accepted_at(rng, 0.0, 0.0, alpha=0.005, requests=8_000)
    assert 5_298 <= calm <= 6_500  # log(200) / log(1 + .01 / 9.99) for a bet that knew
    equal = [accepted_at(rng, 0.01, 0.01, alpha=0.005, requests=60_000) for _ in range(40)]
    assert np.median([np.inf if at is None else at for at in equal]) <= 21_000
    half = [
        accepted_at(rng, 0.01, 0.01, alpha=0.005, requests=20_000, share=0.5) for _ in range(40)
    ]
    assert np.median([np.inf if at is None else at for at in half]) <= 6_000


def test_one_unit_at_a_time_equals_the_batch():
    rng = np.random.default_rng(21)
    weights = rng.choice([0.1, 0.5], 200)
    arms, bad = rng.random(200) < weights, rng.random(200) < 0.05
    running = non_inferiority_log_wealth(arms, bad, weights, margin=0.05)
    single = NonInferiority(margin=0.05)
    for unit in zip(arms.tolist(), bad.tolist(), weights.tolist(), strict=True):
        single = single.update(*unit)
    batch = NonInferiority(margin=0.05).update_many(arms[:70], bad[:70], weights[:70])
    batch = batch.update_many(arms[70:], bad[70:], weights[70:])
    for evidence in (single, batch):
        assert evidence.units == 200
        assert evidence.log_e == pytest.approx(running[-1], abs=1e-9)
        assert evidence.peak == pytest.approx(max(0.0, running.max()), abs=1e-9)
    assert json.dumps(asdict(batch), allow_nan=False)


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_a_weight_is_a_share(weight):
    with pytest.raises(
        ValueError, match=r"^weights must be shares of the candidate between 0 and 1\.$"
    ):
        RateEProcess().update(True, weight)


def test_impossible_assignments_are_refused():
    message = r"^A unit cannot reach an arm whose share was 0; check its weight\.$"
    with pytest.raises(ValueError, match=message):
        RateEProcess().update(True, 0.0)
    with pytest.raises(ValueError, match=message):
        RateEProcess().update(False, 1.0)
    assert RateEProcess().update(True, 1.0).log_e == pytest.approx(0.0)
    with pytest.raises(
        ValueError,
        match=r"^A comparison needs both arms: weights between 0 and 1, ends excluded\.$",
    ):
        NonInferiority(margin=0.01).update(True, False, 1.0)
    with pytest.raises(ValueError, match=r"^margin must lie between -1 and 1, got 1\.$"):
        NonInferiority(margin=1)
