"""What a search may try: the points of a space, the nearest of them, the first, the next.

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
from mlwright.train.frameworks import Params
from mlwright.train.spaces import IMPLIED, PRIORS

Value = float | int | str | bool
Values = tuple[Value, ...] | SearchRange

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

    values: Mapping[str, Values]
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


def _nearest(values: Values, wanted: Any) -> Value:
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


def _points(values: Values) -> list[Value]:
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
