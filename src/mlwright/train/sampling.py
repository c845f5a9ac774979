"""What Optuna is asked to try next: its samplers, and a parameter's values as it takes them."""

from __future__ import annotations

import warnings
from typing import Any, Literal

from mlwright.core.settings import SearchRange
from mlwright.train.search import Space, Value, whole

Strategy = Literal["bayesian", "random", "grid", "genetic"]


def sampler(optuna: Any, strategy: Strategy, space: Space, *, trials: int, seed: int) -> Any:
    """Return the sampler of a strategy; a grid's points are queued, not sampled."""
    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if strategy == "bayesian":
            return samplers.TPESampler(
                seed=seed,
                n_startup_trials=max(3, min(10, trials // 4)),
                multivariate=True,
                group=bool(space.when),  # one model for each set of parameters searched together
                constant_liar=True,
            )
        if strategy == "genetic":
            return samplers.NSGAIISampler(seed=seed, population_size=max(4, min(50, trials // 4)))
        return samplers.RandomSampler(seed=seed)


def choose(optuna: Any, trial: Any, space: Space) -> None:
    """Choose the values of a trial in the space's order, of what is searched at that point."""
    for name, values in space.values.items():
        if space.active(name, trial.params):
            trial._suggest(name, distribution(optuna, values))


def distribution(optuna: Any, values: tuple[Value, ...] | SearchRange) -> Any:
    """Return values as Optuna's distribution."""
    found = optuna.distributions
    if not isinstance(values, SearchRange):
        return found.CategoricalDistribution(values)
    if whole(values):
        step = 1 if values.step is None else int(values.step)
        return found.IntDistribution(int(values.low), int(values.high), log=values.log, step=step)
    return found.FloatDistribution(values.low, values.high, log=values.log, step=values.step)


def importance(
    optuna: Any, space: Space, scored: list[tuple[dict[str, Value], float]], *, seed: int
) -> dict[str, float]:
    """Return each parameter's share of the variance of scores (fANOVA, Hutter et al. 2014).

    Where a parameter was not searched it counts as one middle value, so that it has a share only
    of what it varied. Empty when there are fewer than eight scores.
    """
    if len(scored) < _FEWEST:
        return {}
    distributions = {name: distribution(optuna, each) for name, each in space.values.items()}
    memory = optuna.create_study(direction="maximize")
    for chosen, value in scored:
        memory.add_trial(
            optuna.trial.create_trial(
                params=space.filled(chosen), distributions=distributions, value=value
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        return dict(optuna.importance.get_param_importances(memory, evaluator=evaluator))


_FEWEST = 8
