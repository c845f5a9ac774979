"""The number of workers, against made-up traffic: one second a step, work in processors' worth."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable

import numpy as np
import pytest

from mlwright.deploy.scaling import CALM, Load, Scaling, Seen, Wanted, wanted_workers

STARTING = 3  # seconds until a new worker answers


def simulate(
    work: Callable[[int], float],
    *,
    seconds: int,
    scaling: Scaling = Scaling(1, 8),  # noqa: B008
    noise: float = 0.05,
    start: int = 1,
    seed: int = 0,
) -> tuple[list[int], float]:
    """Return the number of workers by second, and the most work that had queued."""
    rng = np.random.default_rng(seed)
    seen: deque[Seen] = deque(maxlen=90)
    workers, not_before, backlog, worst = start, 0, 0.0, 0.0
    numbers = []
    for second in range(seconds):
        asked = max(0.0, work(second) * (1 + noise * rng.standard_normal()))
        ready = workers if second >= not_before else min(workers, numbers[-1])
        done = min(ready, asked + backlog)
        backlog += asked - done
        worst = max(worst, backlog)
        numbers.append(ready)
        if second < not_before:
            continue
        seen.append(Seen(float(second), workers, Load(done, done + 20 * backlog)))
        wanted = wanted_workers(scaling, list(seen)).workers
        if wanted > workers:
            not_before = second + STARTING
        workers = wanted
    return numbers, worst


def changes(numbers: list[int]) -> int:
    return sum(a != b for a, b in itertools.pairwise(numbers))


def test_a_step_is_followed_up_and_down() -> None:
    numbers, worst = simulate(lambda s: 3.0 if 100 <= s < 400 else 0.2, seconds=700)
    assert numbers[99] == 1
    assert numbers[130] >= 4  # each busy 75% at most
    assert max(numbers) <= 7
    assert worst < 50
    assert numbers[-1] == 1
    assert changes(numbers) <= 6


@pytest.mark.parametrize("load", np.arange(0.1, 4.0, 0.3).round(2).tolist())
def test_steady_noisy_work_settles_within_two_minutes_and_stays(load: float) -> None:
    numbers, _ = simulate(lambda _: load, seconds=900, noise=0.1)
    late = numbers[120:]
    assert late == sorted(late, reverse=True)  # a late cut is well; more again would be flapping
    assert changes(late) <= 1
    assert load / numbers[-1] <= 0.8


def test_a_burst_of_two_seconds_starts_nothing() -> None:
    numbers, _ = simulate(lambda s: 0.9 if s % 60 in (10, 11) else 0.1, seconds=600)
    assert set(numbers) == {1}


def test_traffic_that_flaps_makes_no_workers_flap() -> None:
    numbers, _ = simulate(lambda s: 1.8 if s // 15 % 2 else 0.3, seconds=900)
    assert numbers[-1] >= 2
    assert changes(numbers[200:]) == 0


def test_what_is_not_busy_but_waits_grows_too() -> None:
    slow = [Seen(float(t), 2, Load(0.1, 30.0)) for t in range(3)]
    assert wanted_workers(Scaling(1, 4), slow) == Wanted(
        3, "2 → 3 workers: 15 requests were under way in each"
    )


def test_the_bounds_hold() -> None:
    full = [Seen(float(t), 4, Load(4.0, 99.0)) for t in range(3)]
    idle = [Seen(float(t), 2, Load(0.0, 0.0)) for t in range(200)]
    assert wanted_workers(Scaling(1, 4), full) == Wanted(4)
    assert wanted_workers(Scaling(2, 4), idle) == Wanted(2)
    assert wanted_workers(Scaling(1, 3), full).workers == 3
    assert wanted_workers(Scaling(3, 4), idle[:1]).workers == 3


def test_a_cut_waits_for_a_minute_since_the_last_change() -> None:
    idle = [Seen(float(t), 4 if t < 20 else 2, Load(0.1, 0.1)) for t in range(300)]
    after = {t: wanted_workers(Scaling(1, 4), idle[: t + 1]).workers for t in (25, 70, 90)}
    assert after == {25: 2, 70: 2, 90: 1}
    assert wanted_workers(Scaling(1, 4), idle[:91]).why == (
        f"2 → 1 workers: none was busy over 5% of its time for {CALM:g} s"
    )
