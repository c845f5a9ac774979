"""What a search may try: the values of each parameter, checked before the first trial.

A space is written in the user's words (`subsample`, `n_estimators`); a trial's parameters are the
algorithm's own. A parameter with a condition is in a point only where the condition holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from mlwright.core.errors import ConfigError
from mlwright.core.settings import SearchRange
from mlwright.core.space import Searched, SearchValues
from mlwright.train.frameworks import Framework, Params, Problem
from mlwright.train.spaces import IMPLIED, PRIORS, SPACES, limit_of

Given = Mapping[str, Searched]
Value = float | int | str | bool

_GRID_POINTS = 3
_MOST_GRID = 100_000


@dataclass(frozen=True, slots=True)
class Space:
    """The values to choose from by name; `words` has the algorithm's own name of each.

    `when` has the values of others with which a parameter is searched; these come before it.

    >>> space = Space({"depth": (2, 4)}, {"depth": "max_depth"})
    >>> space.params({"depth": 4})
    {'max_depth': 4}
    """

    values: Mapping[str, tuple[Value, ...] | SearchRange]
    words: Mapping[str, str]
    when: Mapping[str, Mapping[str, tuple[Value, ...]]] = field(default_factory=dict)

    def active(self, name: str, chosen: Mapping[str, Any]) -> bool:
        """Tell whether a parameter is searched, after these values of the ones before it.

        >>> space = Space({"a": (1, 2), "b": (3,)}, {}, {"b": {"a": (2,)}})
        >>> space.active("b", {"a": 1}), space.active("b", {"a": 2})
        (False, True)
        """
        needed = self.when.get(name, {})
        return all(other in chosen and chosen[other] in wanted for other, wanted in needed.items())

    def params(self, chosen: Mapping[str, Any]) -> Params:
        """Return what was chosen under the algorithm's own names."""
        return {self.words[name]: value for name, value in chosen.items()}

    def nearest(self, params: Mapping[str, Any]) -> dict[str, Value]:
        """Return the point of the space that is nearest to these parameters of the algorithm."""
        found: dict[str, Value] = {}
        for name, values in self.values.items():
            if self.active(name, found):
                found[name] = _nearest(values, {**IMPLIED, **params}.get(self.words[name]))
        return found

    def filled(self, chosen: Mapping[str, Value]) -> dict[str, Value]:
        """Return a point with a middle value for what was not searched there."""
        return {
            name: chosen[name] if name in chosen else _nearest(values, None)
            for name, values in self.values.items()
        }

    def grid(self) -> list[dict[str, Value]]:
        """Return every combination; a range without a step gives three values.

        Raises:
            ConfigError: there are more than 100,000 combinations.
        """
        axes = {name: _points(values) for name, values in self.values.items()}
        found = list(islice(self._combined(axes, {}), _MOST_GRID + 1))
        if len(found) > _MOST_GRID:
            raise ConfigError(
                f"the grid has more than {_MOST_GRID:,} combinations",
                hint="give fewer values, or search with --strategy bayesian",
            )
        return found

    def _combined(
        self, axes: Mapping[str, Sequence[Value]], chosen: dict[str, Value]
    ) -> Iterator[dict[str, Value]]:
        """Give the points that go on from one, whose names are the first of the axes'."""
        if not axes:
            yield chosen
            return
        (name, points), *rest = axes.items()
        if not self.active(name, chosen):
            yield from self._combined(dict(rest), chosen)
            return
        for point in points:
            yield from self._combined(dict(rest), {**chosen, name: point})

    def to_json(self) -> dict[str, Any]:
        """Return the space as a JSON object, the same for the same space."""
        listed: dict[str, Any] = {
            name: values.model_dump(exclude={"when"})
            if isinstance(values, SearchRange)
            else list(values)
            for name, values in sorted(self.values.items())
        }
        when = {name: {k: list(v) for k, v in each.items()} for name, each in self.when.items()}
        return {**listed, "when": when} if when else listed


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
    values: dict[str, tuple[Value, ...] | SearchRange] = {}
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


def priors(
    space: Space,
    algorithm: str,
    defaults: Mapping[str, Any],
    *,
    start_from: Mapping[str, Any] | None = None,
) -> list[dict[str, Value]]:
    """Return the points to try first: the defaults, then settings that are known to do well."""
    points = [space.nearest(defaults)]
    known = () if start_from is None else (start_from,)
    for prior in (*known, *PRIORS.get(algorithm, ())):
        point = space.nearest({**defaults, **prior})
        if point not in points:
            points.append(point)
    return points


def unvisited(
    grid: Sequence[dict[str, Value]], visited: Sequence[Mapping[str, Any]], *, seed: int, count: int
) -> list[dict[str, Value]]:
    """Return the next `count` points of the grid, in an order drawn by the seed."""
    seen = {_key(point) for point in visited}
    order = np.random.default_rng(seed).permutation(len(grid))
    left = (grid[place] for place in order if _key(grid[place]) not in seen)
    return list(islice(left, count))


def _key(point: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in point.items()))


def _ends(name: str, values: tuple[Value, ...] | SearchRange) -> tuple[Value, ...]:
    """Return the values that stand for all others: if they can be taken, all can."""
    if not isinstance(values, SearchRange):
        if not values:
            raise ConfigError(
                f"tune.search_space.{name} is empty", hint="give at least one value to try"
            )
        return values
    low, high = values.low, values.high
    problem = None
    if not low < high:
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


def _check_limits(
    name: str, values: tuple[Value, ...] | SearchRange, own: str, algorithm: str
) -> None:
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


def _nearest(values: tuple[Value, ...] | SearchRange, wanted: Any) -> Value:
    if isinstance(values, SearchRange):
        return _nearest_in_range(values, wanted)
    if wanted in values:
        return next(value for value in values if value == wanted)
    numbers = [value for value in values if isinstance(value, int | float)]
    if isinstance(wanted, int | float) and numbers:
        return min(numbers, key=lambda value: abs(value - wanted))
    return values[len(values) // 2]


def _nearest_in_range(values: SearchRange, wanted: Any) -> Value:
    low, high = values.low, values.high
    if not isinstance(wanted, int | float) or isinstance(wanted, bool):
        wanted = math.sqrt(low * high) if values.log else (low + high) / 2
    inside = min(max(wanted, low), high)
    if values.step is not None:
        steps = math.floor((high - low) / values.step + 1e-9)
        inside = low + min(round((inside - low) / values.step), steps) * values.step
    return round(inside) if whole(values) else float(inside)


def whole(values: SearchRange) -> bool:
    """Tell whether a range is of whole numbers.

    >>> whole(SearchRange(low=1, high=9)), whole(SearchRange(low=0.5, high=1))
    (True, False)
    """
    ends = (values.low, values.high, 1 if values.step is None else values.step)
    return all(isinstance(value, int) for value in ends)


def _points(values: tuple[Value, ...] | SearchRange) -> list[Value]:
    if not isinstance(values, SearchRange):
        return list(values)
    if values.step is not None:
        count = math.floor((values.high - values.low) / values.step + 1e-9) + 1
        found = values.low + values.step * np.arange(count)
    else:
        spaced = np.geomspace if values.log else np.linspace
        found = spaced(values.low, values.high, _GRID_POINTS)
    if whole(values):
        return sorted({round(float(value)) for value in found})
    return [float(value) for value in found]
