"""Print the error rates and the power of the rollout tests: `python bench/simulate_rollout.py`.

10% of the traffic goes to the candidate, and the evidence is looked at after every event. The
tests themselves are those of the library, `mlwright.stats.eprocess`.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np

from mlwright.stats.eprocess import non_inferiority_log_wealth, rate_log_wealth

SHARE = 0.1
ALPHAS = (0.01, 0.01 / 3)
Rate = float | np.ndarray
History = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Draws one rollout: the log wealth at each event, and the request at which the event came."""


def requests(champion: Rate, candidate: Rate, n: int) -> History:
    """Draw a coin a request; events are the errors."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        arm = rng.random(n) < SHARE
        errors = np.flatnonzero(rng.random(n) < np.where(arm, candidate, champion))
        return evidence(arm[errors]), errors + 1

    return draw


def sticky(keys: int, *, first_only: bool, n: int = 20_000) -> History:
    """Draw unequal keys that keep their arm; each errs at a rate of its own, 1% on average."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        traffic = rng.pareto(1.2, keys) + 0.1
        key = rng.choice(keys, n, p=traffic / traffic.sum())
        arm, rate = rng.random(keys) < SHARE, rng.beta(0.5, 49.5, keys)
        errors = np.flatnonzero(rng.random(n) < rate[key])
        if first_only:
            errors = errors[np.sort(np.unique(key[errors], return_index=True)[1])]
        return evidence(arm[key[errors]]), errors + 1

    return draw


def evidence(arm: np.ndarray) -> np.ndarray:
    """Return the running log wealth against a candidate that is no worse."""
    return rate_log_wealth(arm, np.full(len(arm), SHARE)) if len(arm) else np.zeros(0)


def promotion(champion: Rate, candidate: Rate, n: int, share: float = SHARE) -> History:
    """Draw a coin a request; events are all requests, the margin is one point."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        arm = rng.random(n) < share
        bad = rng.random(n) < np.where(arm, candidate, champion)
        wealth = non_inferiority_log_wealth(arm, bad, np.full(n, share), margin=0.01)
        return wealth, np.arange(1, n + 1)

    return draw


def simulate(history: History, repeats: int, alphas: tuple[float, ...], seed: int) -> np.ndarray:
    """Return the request at which each repeat crosses, (repeats, alphas), infinity if never."""
    rng = np.random.default_rng(seed)
    stops = np.full((repeats, len(alphas)), np.inf)
    for row in stops:
        wealth, at = history(rng)
        for column, alpha in enumerate(alphas):
            crossed = wealth >= -np.log(alpha)
            if crossed.any():
                row[column] = at[crossed.argmax()]
    return stops


def bursts(n: int = 20_000) -> np.ndarray:
    rates = np.full(n, 0.01)
    rates[2_000:2_500], rates[9_000:9_300] = 0.15, 0.40
    return rates


def rollbacks() -> Iterator[tuple[str, History]]:
    yield "healthy at 1%", requests(0.01, 0.01, 20_000)
    yield "healthy at 20%", requests(0.2, 0.2, 20_000)
    yield "bursts of 15x and 40x", requests(bursts(), bursts(), 20_000)
    yield "candidate better, 2% -> 1%", requests(0.02, 0.01, 20_000)
    yield "1% -> 2%, 20,000", requests(0.01, 0.02, 20_000)
    yield "1% -> 2%, 40,000", requests(0.01, 0.02, 40_000)
    yield "1% -> 5%", requests(0.01, 0.05, 20_000)
    yield "1% -> 50%", requests(0.01, 0.5, 2_000)
    yield "20% -> 30%", requests(0.2, 0.3, 20_000)
    for keys in (200, 2_000, 20_000):
        yield f"{keys:,} sticky keys, per request", sticky(keys, first_only=False)
        yield f"{keys:,} sticky keys, first error", sticky(keys, first_only=True)


def promotions() -> Iterator[tuple[str, History]]:
    falling = np.r_[np.full(10_000, 0.03), np.full(10_000, 0.01)]
    yield "worse by the margin, 1% -> 2%", promotion(0.01, 0.02, 20_000)
    yield "worse by the margin, 0% -> 1%", promotion(0.0, 0.01, 20_000)
    yield "worse on average, then equal", promotion(0.01, falling, 20_000)
    yield "no errors at all", promotion(0.0, 0.0, 20_000)
    yield "equal at 1%", promotion(0.01, 0.01, 60_000)
    yield "equal at 1%, half the traffic", promotion(0.01, 0.01, 20_000, share=0.5)
    yield "better, 2% -> 1%", promotion(0.02, 0.01, 60_000)


def show(
    title: str, cases: Iterator[tuple[str, History]], repeats: int, alphas: tuple[float, ...]
) -> None:
    print(f"\n{title} ({repeats:,} repeats): share that crossed / median requests of all repeats")
    print(f"{'':34}" + "".join(f"{f'alpha {alpha:.4g}':>22}" for alpha in alphas))
    for seed, (name, history) in enumerate(cases):
        stops = simulate(history, repeats, alphas, seed)
        cells = (
            f"{np.isfinite(column).mean():9.2%} / {np.median(column):>10,.0f}" for column in stops.T
        )
        print(f"{name:34}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2_000)
    repeats = parser.parse_args().repeats
    show("Rollback, conditional e-process", rollbacks(), repeats, ALPHAS)
    show("Promotion, non-inferiority", promotions(), repeats, (0.01, 0.005))


if __name__ == "__main__":
    main()
