"""Print the error rates and the power of the rollout tests: `python bench/simulate_rollout.py`.

10% of the traffic goes to the candidate, and the evidence is looked at after every event. The
tests are those of the library, at the parts of alpha = .01 that `deploy.guards` gives them: with
the guard on errors alone, and with three guards, on errors, on answers over a limit of time, and
on a quantile relative to the champion's. "Taken back" counts a rollback by whatever guard, or by
the check of the split.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mlwright.deploy.guards import ALPHA, SPLIT_PART, alphas, parse
from mlwright.stats.eprocess import non_inferiority_log_wealth, rate_log_wealth
from mlwright.stats.split import split_log_wealth

SHARE = 0.1
Rate = float | np.ndarray
SETS = ({"error_rate": "1%"}, {"error_rate": "1%", "p95": "500ms", "p99": "+10%"})


@dataclass
class History:
    """One rollout, by request: its arm, its bad events by guard, its unit, and new units."""

    arm: np.ndarray
    bad: list[np.ndarray]
    key: np.ndarray | None = None
    first_only: bool = True


Draw = Callable[[np.random.Generator], History]


def requests(
    champion: Rate, candidate: Rate, n: int, slow: tuple[Rate, Rate] = (0.05, 0.05)
) -> Draw:
    """Draw a coin a request, and errors and slow answers at the rates of its arm."""

    def draw(rng: np.random.Generator) -> History:
        arm = rng.random(n) < SHARE
        errors = rng.random(n) < np.where(arm, candidate, champion)
        late = [rng.random(n) < np.where(arm, slow[1], slow[0]) for _ in range(2)]
        return History(arm, [errors, *late])

    return draw


def sticky(keys: int, *, first_only: bool = True, n: int = 20_000, common: Rate = 1.0) -> Draw:
    """Draw unequal keys that keep their arm; each errs at a rate of its own, 1% on average.

    `common` multiplies the rate of everybody, request by request.
    """

    def draw(rng: np.random.Generator) -> History:
        traffic = rng.pareto(1.2, keys) + 0.1
        key = rng.choice(keys, n, p=traffic / traffic.sum())
        arm = rng.random(keys) < SHARE
        rates = (rng.beta(0.5, 49.5, keys), rng.beta(0.5, 9.5, keys), rng.beta(0.5, 9.5, keys))
        bad = [rng.random(n) < np.minimum(rate[key] * common, 1.0) for rate in rates]
        return History(arm[key], bad, key, first_only)

    return draw


def bursts(n: int = 20_000) -> np.ndarray:
    """Return a rate of 1% with a burst of 15 and one of 40 times as much."""
    rates = np.full(n, 0.01)
    rates[2_000:2_500], rates[9_000:9_300] = 0.15, 0.40
    return rates


def first(log_wealth: np.ndarray, at: np.ndarray, alpha: float) -> float:
    """Return the request at which a log wealth crosses, infinity if never."""
    crossed = log_wealth >= -math.log(alpha)
    return float(at[crossed.argmax()] + 1) if crossed.any() else math.inf


def events(history: History, bad: np.ndarray) -> np.ndarray:
    """Return the requests of the events that are counted: each key's first one."""
    at = np.flatnonzero(bad)
    if history.key is None or not history.first_only:
        return at
    return at[np.sort(np.unique(history.key[at], return_index=True)[1])]


def taken_back(history: History, guards: dict[str, str]) -> float:
    """Return the request at which a release with these guards is taken back."""
    stops = [split_stop(history)]
    for bad, part in zip(history.bad, alphas(parse(guards)), strict=False):
        at = events(history, bad)
        if len(at):
            wealth = rate_log_wealth(history.arm[at], np.full(len(at), SHARE))
            stops.append(first(wealth, at, part))
    return min(stops)


def split_stop(history: History) -> float:
    """Return the request at which the split is found to be wrong."""
    at = events(history, np.ones(len(history.arm), bool))
    wealth = split_log_wealth(history.arm[at], np.full(len(at), SHARE))
    return first(wealth, at, ALPHA * SPLIT_PART)


def promotion(
    champion: Rate, candidate: Rate, n: int, share: float = SHARE
) -> Callable[[np.random.Generator], float]:
    """Draw a coin a request; return the request at which the margin of one point is shown."""

    def draw(rng: np.random.Generator) -> float:
        arm = rng.random(n) < share
        bad = rng.random(n) < np.where(arm, candidate, champion)
        wealth = non_inferiority_log_wealth(arm, bad, np.full(n, share), margin=0.01)
        return first(wealth, np.arange(n), ALPHA)

    return draw


def rollbacks() -> Iterator[tuple[str, Draw, str]]:
    """Give the cases, and what the project promises of each."""
    burst = bursts()
    yield "healthy at 1%", requests(0.01, 0.01, 20_000), "<= 1%"
    yield "healthy at 20%", requests(0.2, 0.2, 20_000), "<= 1%"
    yield "bursts of 15x and 40x", requests(burst, burst, 20_000), "<= 1%"
    yield "candidate better, 2% -> 1%", requests(0.02, 0.01, 20_000), "<= 1%"
    for keys in (200, 2_000, 20_000):
        yield f"{keys:,} heavy sticky keys", sticky(keys), "<= 1%"
    yield "2,000 keys and bursts", sticky(2_000, common=burst / 0.01), "<= 1%"
    yield "1% -> 2%, within 20,000", requests(0.01, 0.02, 20_000), ">= 58%"
    yield "1% -> 2%, within 40,000", requests(0.01, 0.02, 40_000), ">= 92%"
    yield "1% -> 5%", requests(0.01, 0.05, 20_000), "median <= 1,550"
    yield "1% -> 50%", requests(0.01, 0.5, 2_000), "median <= 65"
    yield "20% -> 30%", requests(0.2, 0.3, 20_000), ""
    yield "slow answers 5% -> 10%", requests(0.01, 0.01, 20_000, (0.05, 0.10)), ""
    yield "per request (wrong), 2,000 keys", sticky(2_000, first_only=False), ""


def promotions() -> Iterator[tuple[str, Callable[[np.random.Generator], float], str]]:
    """Give the cases, and what the project promises of each."""
    falling = np.r_[np.full(10_000, 0.03), np.full(10_000, 0.01)]
    yield "worse by the margin, 1% -> 2%", promotion(0.01, 0.02, 20_000), "<= 1%"
    yield "worse by the margin, 0% -> 1%", promotion(0.0, 0.01, 20_000), "<= 1%"
    yield "worse on average, then equal", promotion(0.01, falling, 20_000), "<= 1%"
    yield "no errors at all", promotion(0.0, 0.0, 20_000), ""
    yield "equal at 1%", promotion(0.01, 0.01, 60_000), ""
    yield "equal at 1%, half the traffic", promotion(0.01, 0.01, 20_000, share=0.5), ""
    yield "better, 2% -> 1%", promotion(0.02, 0.01, 60_000), ""


def cell(stops: list[float]) -> str:
    """Write the share that crossed, and the median request of all repeats."""
    found = np.array(stops)
    return f"{np.isfinite(found).mean():9.2%} / {np.median(found):>7,.0f}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    repeats = given.repeats
    print(f"Taken back ({repeats:,} repeats, alpha .01): share / median request")
    print(f"{'':34}{'error guard alone':>22}{'three guards':>22}   promised")
    for case, (name, draw, promised) in enumerate(rollbacks()):
        rng = np.random.default_rng((given.seed, case))
        histories = (draw(rng) for _ in range(repeats))
        stops = [[taken_back(history, guards) for guards in SETS] for history in histories]
        cells = "".join(f"{cell(list(each)):>22}" for each in zip(*stops, strict=True))
        print(f"{name:34}{cells}   {promised}", flush=True)
    print(f"\nPromoted, non-inferiority ({repeats:,} repeats, alpha .01): share / median request")
    for case, (name, stop, promised) in enumerate(promotions()):
        rng = np.random.default_rng((given.seed, 100 + case))
        print(f"{name:34}{cell([stop(rng) for _ in range(repeats)]):>22}   {promised}", flush=True)


if __name__ == "__main__":
    main()
