"""What a choice asks of the rows that a model is fitted on, and what an algorithm cannot do."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from mlwright.bundle.plan import BooleanStep, NumberStep, OneHotStep, Plan, TokensStep
from mlwright.core.errors import ConfigError, did_you_mean
from mlwright.core.signature import Signature
from mlwright.train.choices import Choices
from mlwright.train.frameworks import Framework, Problem, Rows

_SIGNS = {"increasing": 1, "decreasing": -1}
_DEVICES = {
    "keras": ("cuda", "tpu"),
    "neural_network": ("cuda",),
    "transformer": ("cuda",),
}
"""Where an algorithm may be fitted beside the CPU."""

_FIRST_FOLD = 0.4
_LAST_FIT = 1.6
"""What fitting on all rows costs, in units of a fold, which fits on two thirds of them."""


def check_limits(
    algorithm: str, framework: Framework, signature: Signature, choices: Choices
) -> None:
    """Refuse what the task or the algorithm cannot have, before anything is fitted.

    Raises:
        ConfigError: says what can.
    """
    if choices.class_weight != "none" and signature.task == "regression":
        raise ConfigError(
            f"model.class_weight: {choices.class_weight}: the target is a number and has no "
            "classes",
            hint="leave model.class_weight out, or name a column of row weights in model.weight",
        )
    fits_on = _DEVICES.get(algorithm, ())
    if choices.device not in ("auto", "cpu", *fits_on):
        others = [name for name, devices in _DEVICES.items() if choices.device in devices]
        where = " or ".join(["the CPU", *fits_on])
        raise ConfigError(
            f"model.device: {choices.device}: {algorithm} is fitted on {where}",
            hint=f"leave --device at auto; it is for {', '.join(others)}",
        )
    if framework.style == "tokens" and choices.base is None:
        raise ConfigError(
            f"{algorithm} needs a model to start from",
            hint="--base FOLDER_OR_ID, or model.base in mlwright.yaml",
        )
    if framework.style != "tokens" and choices.base is not None:
        raise ConfigError(
            f"model.base: {algorithm} starts from no other model",
            hint="leave --base out, or take --algorithm transformer",
        )
    if choices.monotone:
        _check_monotone(algorithm, framework, signature, choices)


def _check_monotone(
    algorithm: str, framework: Framework, signature: Signature, choices: Choices
) -> None:
    if not framework.monotone:
        raise ConfigError(
            f"model.monotone: {algorithm} cannot be held to a direction",
            hint="take lightgbm, xgboost or hist_gradient_boosting",
        )
    if signature.task == "multiclass":
        raise ConfigError(
            "model.monotone: with more than two classes no score has one direction",
            hint="leave model.monotone out",
        )
    kinds = {column.name: column.kind for column in signature.inputs}
    kinds.update(dict.fromkeys(choices.features, "number"))
    for name in choices.monotone:
        if name not in kinds:
            raise ConfigError(
                f"model.monotone: the model has no input {name!r}{did_you_mean(name, kinds)}",
                hint="name a column of numbers that the model is given",
            )
        if kinds[name] not in ("number", "boolean"):
            raise ConfigError(
                f"model.monotone: {name!r} is a {kinds[name]}, which has no order",
                hint="name a column of numbers",
            )


def to_fit(rows: Rows, plan: Plan, problem: Problem, choices: Choices) -> Rows:
    """Return encoded rows with the weights, directions and groups that a fit goes by.

    `class_weight: balanced` gives every class the same total weight.
    """
    weights = rows.weights
    if choices.class_weight == "balanced":
        given = np.ones(len(rows.target)) if weights is None else weights
        totals = np.bincount(rows.target, given, minlength=problem.classes)
        seen = np.maximum(totals, 1e-300)
        weights = given * (given.sum() / (np.count_nonzero(totals) * seen))[rows.target]
    return replace(
        rows, weights=weights, groups=_groups(plan), monotone=_directions(plan, choices), made={}
    )


def _groups(plan: Plan) -> tuple[tuple[int, int], ...]:
    found, place = [], 0
    for step in plan.steps:
        width = len(step.features)
        if isinstance(step, OneHotStep | TokensStep) and width > 1:
            found.append((place, place + width))
        place += width
    return tuple(found)


def _directions(plan: Plan, choices: Choices) -> tuple[int, ...]:
    if not choices.monotone:
        return ()
    return tuple(
        _SIGNS.get(choices.monotone.get(step.column, ""), 0)
        if isinstance(step, NumberStep | BooleanStep)
        else 0
        for step in plan.steps
        for _ in step.features
    )


class Folds:
    """Divide what is left of a time budget between folds and the last fit, as their cost shows.

    The first fold may take two fifths of it. Others follow while the last fit stays affordable; a
    fold that was itself cut short is the only one, for then time is worth more to the last fit.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._began = time.monotonic()
        self._cost = 0.0

    def begin(self) -> Problem | None:
        """Return the problem of the next fold, with its deadline, or None when there is no time."""
        deadline, now = self._problem.deadline, time.monotonic()
        self._began = now
        if deadline is None:
            return self._problem
        if not self._cost:
            return replace(self._problem, deadline=now + _FIRST_FOLD * (deadline - now))
        if now + (1 + _LAST_FIT) * self._cost > deadline:
            return None
        return replace(self._problem, deadline=deadline - _LAST_FIT * self._cost)

    def end(self, cut: str) -> None:
        """Note what a fold cost; `cut` is what its deadline left out."""
        spent = max(time.monotonic() - self._began, 1e-9)
        self._cost = np.inf if cut else max(spent, self._cost)
