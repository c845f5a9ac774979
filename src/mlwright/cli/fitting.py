"""The flags that say what is learned and how: the table, the algorithm, its parameters, limits."""

from __future__ import annotations

from typing import Any

import click

from mlwright.core.clock import duration

from .options import F, given

Value = int | float | bool | str

_CHOICES = (
    *("split", "force_random_split", "drop_leaks", "time_budget", "device", "class_weight"),
    *("base", "download", "max_tokens"),
)


def learning_options(function: F) -> F:
    """Add `--data`, `--target`, `--name` and `--algorithm`."""
    for option in (
        click.option(
            "--algorithm", help="How to fit; see `mlwright backends`.  [default: lightgbm]"
        ),
        click.option(
            "--name", help="What to call the model.  [default: the target, in lower case]"
        ),
        click.option("--target", help="The column to predict."),
        click.option("--data", help="CSV, Parquet or JSON lines: a file, a folder, or an address."),
    ):
        function = option(function)
    return function


def chosen(flags: dict[str, Any]) -> dict[str, Any]:
    """Take out of the flags those that are fields of `Choices`, and return what was given of them.

    >>> flags = {"split": "time", "base": None, "max_depth": 3}
    >>> chosen(flags), flags
    ({'split': 'time'}, {'max_depth': 3})
    """
    return given(**{name: flags.pop(name) for name in _CHOICES if name in flags})


def fitting_options(function: F) -> F:
    """Add `--max-depth`, `--learning-rate`, `--n-estimators`, `--param` and the limits."""
    for option in (
        click.option(
            "--class-weight",
            type=click.Choice(["none", "balanced"]),
            help="balanced: every class weighs the same.  [default: none]",
        ),
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "cuda", "tpu"]),
            help="Where a network is fitted; tpu: keras alone, untested.  [default: auto]",
        ),
        click.option(
            "--time-budget",
            metavar="DURATION",
            callback=_seconds,
            help="Time for all fitting, such as 30s or 10m; says what it cuts.  [default: none]",
        ),
        click.option(
            "--param",
            "param",
            metavar="KEY=VALUE",
            multiple=True,
            callback=_pairs,
            help="Any other parameter of the algorithm; may be given again.",
        ),
        click.option("--n-estimators", type=int, help="The most trees or rounds."),
        click.option("--learning-rate", type=float, help="The size of a boosting step."),
        click.option("--max-depth", type=int, help="The most splits above a leaf."),
    ):
        function = option(function)
    return function


def base_options(function: F) -> F:
    """Add `--base`, `--download` and `--max-tokens`, which say what a transformer starts from."""
    for option in (
        click.option(
            "--max-tokens",
            type=click.IntRange(min=8),
            help="What a transformer reads of a row at most.  [default: 256]",
        ),
        click.option("--download", is_flag=True, help="Fetch the base from the hub if need be."),
        click.option(
            "--base",
            metavar="FOLDER|ID",
            help="The model that a transformer starts from: a folder, or a hub's id.",
        ),
    ):
        function = option(function)
    return function


def params_of(
    *,
    max_depth: int | None,
    learning_rate: float | None,
    n_estimators: int | None,
    param: dict[str, Value],
) -> dict[str, Value]:
    """Return the algorithm's parameters that flags gave.

    >>> params_of(max_depth=3, learning_rate=None, n_estimators=None, param={"subsample": 0.5})
    {'max_depth': 3, 'subsample': 0.5}
    """
    named = {
        "max_depth": max_depth,
        "learning_rate": learning_rate,
        "n_estimators": n_estimators,
    }
    return {**{name: value for name, value in named.items() if value is not None}, **param}


def as_value(text: str) -> Value:
    """Read a whole number, a number, true or false, else text.

    >>> [as_value(text) for text in ("3", "1e-3", "true", "rbf")]
    [3, 0.001, True, 'rbf']
    """
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _pairs(context: click.Context, parameter: click.Parameter, given: Any) -> dict[str, Value]:
    found = {}
    for pair in given:
        key, equals, text = pair.partition("=")
        if not (key and equals):
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", ctx=context, param=parameter)
        found[key] = as_value(text)
    return found


def _seconds(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    seconds = duration(text)
    if seconds <= 0:
        raise click.BadParameter("must be above 0", ctx=context, param=parameter)
    return seconds
