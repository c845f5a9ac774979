"""A search space as it was asked for, checked before the first trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mlwright.core.errors import ConfigError
from mlwright.core.settings import SearchRange
from mlwright.core.space import Searched, SearchValues
from mlwright.train.frameworks import Framework, Problem
from mlwright.train.search import Space, Value, Values
from mlwright.train.spaces import SPACES, limit_of

Given = Mapping[str, Searched]


def make_space(
    given: Given, algorithm: str, framework: Framework, problem: Problem, *, rows: int
) -> Space:
    """Return the space that was given, or the algorithm's own, when every value can be taken.

    Raises:
        ConfigError: an unknown name, a range that is none, or a value that the algorithm cannot
            take; the message has the key and what it takes.
    """
    wanted = given or SPACES.get(algorithm)
    if not wanted:
        raise ConfigError(
            f"{algorithm} has no search space of its own",
            hint="write one in mlwright.yaml: tune: {search_space: {NAME: [VALUES]}}",
        )
    values: dict[str, Values] = {}
    words: dict[str, str] = {}
    when = {n: each.when for n, each in wanted.items() if not isinstance(each, tuple) and each.when}
    for name in _in_order(wanted, when):
        each = wanted[name]
        values[name] = each.values if isinstance(each, SearchValues) else each
        words[name] = _word(name, _ends(name, values[name]), framework, problem, rows)
        _check_limits(name, values[name], words[name], algorithm)
    _check_words(words)
    return Space(values, words, when)


def _in_order(names: Given, when: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the names, each behind those that its condition is on."""
    found: list[str] = []

    def place(name: str) -> None:
        if name not in found:
            for other in when.get(name, {}):
                place(other)
            found.append(name)

    for name in names:
        place(name)
    return found


def _ends(name: str, values: Values) -> tuple[Value, ...]:
    """Return the values that stand for all others: if they can be taken, all can."""
    if not isinstance(values, SearchRange):
        if not values:
            raise ConfigError(
                f"tune.search_space.{name} is empty", hint="give at least one value to try"
            )
        return values
    low, high = values.low, values.high
    problem = None
    if not (math.isfinite(low) and math.isfinite(high)):
        problem = "low and high must be finite"
    elif not low < high:
        problem = f"low ({low}) must lie below high ({high})"
    elif values.log and low <= 0:
        problem = f"a range with log must begin above 0, got {low}"
    elif values.step is not None and (values.log or values.step <= 0):
        problem = "a step must be above 0, and goes without log"
    if problem:
        raise ConfigError(
            f"tune.search_space.{name}: {problem}", hint="for example {low: 0.01, high: 0.3}"
        )
    return low, high


def _word(
    name: str,
    ends: tuple[Value, ...],
    framework: Framework,
    problem: Problem,
    rows: int,
) -> str:
    """Return the algorithm's own name of a parameter, when it takes each of these values."""
    defaults = framework.params({}, problem=problem, rows=rows)
    own = name
    for value in ends:
        try:
            found = framework.params({name: value}, problem=problem, rows=rows)
        except ConfigError as exc:
            raise ConfigError(f"tune.search_space.{name}: {exc}", hint=exc.hint) from exc
        changed = [key for key in found if key not in defaults or found[key] != defaults[key]]
        if name not in found and changed:
            own = changed[0]
    return own


def _check_words(words: Mapping[str, str]) -> None:
    names: dict[str, str] = {}
    for name, own in words.items():
        if own in names:
            raise ConfigError(
                f"tune.search_space: {names[own]} and {name} are the same parameter",
                hint="leave one of them out",
            )
        names[own] = name


def _check_limits(name: str, values: Values, own: str, algorithm: str) -> None:
    limit = limit_of(own, algorithm)
    if limit is None:
        return
    ends = (values.low, values.high) if isinstance(values, SearchRange) else values
    for value in ends:
        if isinstance(value, int | float) and not limit.holds(value):
            raise ConfigError(
                f"tune.search_space.{name}: {algorithm} takes {limit.words()}, got {value}",
                hint="give values inside of it",
            )
