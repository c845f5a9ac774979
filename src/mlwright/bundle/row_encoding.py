"""Encode rows as they come in requests: one by one where they are few, column by column else.

Which way is faster depends on the number of rows alone; both give the same bits, those of
`Plan.encode`. A row has its values by the names of the columns, or is a tuple of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.steps import (
    UNSEEN,
    BooleanStep,
    Floats,
    NumberStep,
    OneHotStep,
    OrdinalStep,
    Step,
    TargetStep,
    TfidfStep,
)
from mlwright.bundle.tokens import TokensStep

Row = Mapping[str, Any]
Values = tuple[Any, ...]

_FEW = 16  # rows, from which on arrays are worth their making


class RowEncoder:
    """What the steps do to rows that have every column they read.

    With `columns`, rows are tuples of the values of these columns.
    """

    def __init__(self, steps: Sequence[Step], columns: Sequence[str] | None = None) -> None:
        self._places = None if columns is None else {name: i for i, name in enumerate(columns)}
        self._numbers: list[tuple[Any, int, float, float, float]] = []
        self._onehots: list[tuple[Any, dict[Any, int]]] = []
        self._codes: list[tuple[Any, int, dict[Any, float], float]] = []
        self._texts: list[tuple[slice, Any, TfidfStep | TokensStep]] = []
        self._known = [
            (step.column, itemgetter(self._key(step)), frozenset((*step.categories, None)))
            for step in steps
            if isinstance(step, OneHotStep | OrdinalStep | TargetStep)
        ]
        narrow: list[int] = []
        self._width = 0
        for step in steps:
            start, end = self._width, self._width + len(step.features)
            self._width = end
            if isinstance(step, TfidfStep | TokensStep):
                self._texts.append((slice(start, end), self._key(step), step))
                continue
            self._add(step, len(narrow))
            narrow += range(start, end)
        self._narrow = np.array(narrow, np.int64)
        self._blank = [0.0] * len(narrow)
        numbers = [step for step in steps if isinstance(step, NumberStep | BooleanStep)]
        self._block = _Block(
            numbers,
            list(map(self._key, numbers)),
            np.array([place for _, place, *_ in self._numbers], np.int64),
            width=None if columns is None else len(columns),
        )
        self._numbers_alone = 0 < len(self._numbers) == len(narrow)
        self._few = 1 if self._numbers_alone and self._block.as_it_is else _FEW

    def __call__(self, rows: Sequence[Row] | Sequence[Values]) -> Floats:
        """Return the matrix, (n, features), of checked rows."""
        narrow = self._by_row(rows) if len(rows) < self._few else self._by_column(rows)
        if not self._texts:
            return narrow
        out = np.zeros((len(rows), self._width))
        out[:, self._narrow] = narrow
        given: Sequence[Any] = rows
        for features, key, step in self._texts:
            for line, row in zip(out[:, features], given, strict=True):
                step.write(row[key], line)
        return out

    def unseen(self, rows: Sequence[Row] | Sequence[Values]) -> dict[str, int]:
        """Return how many values of each category column no step knows; nulls aside."""
        counts: dict[str, int] = {}
        for column, values, known in self._known:
            if not known.issuperset(map(values, rows)):
                counts[column] = sum(value not in known for value in map(values, rows))
        return counts

    def _key(self, step: Step) -> Any:
        """Return what a row has the step's column under."""
        return step.column if self._places is None else self._places[step.column]

    def _add(self, step: Step, place: int) -> None:
        key = self._key(step)
        if isinstance(step, NumberStep | BooleanStep):
            self._numbers.append((key, place, *_scaling(step)))
        elif isinstance(step, OneHotStep):
            places = {category: place + i for category, i in step.places.items()}
            self._onehots.append((key, places))
        elif isinstance(step, OrdinalStep):
            self._codes.append((key, place, step.codes, UNSEEN))
        elif isinstance(step, TargetStep):
            for i, other in enumerate(step.overall):
                means = {name: each[i] for name, each in step.codes.items()}
                self._codes.append((key, place + i, means, other))

    def _by_row(self, rows: Sequence[Any]) -> Floats:
        lines = []
        for row in rows:
            line = self._blank.copy()
            for column, place, fill, center, scale in self._numbers:
                value = row[column]
                line[place] = fill if value is None else (value - center) / scale
            for column, places in self._onehots:
                found = places.get(row[column])
                if found is not None:
                    line[found] = 1.0
            for column, place, known, other in self._codes:
                line[place] = known.get(row[column], other)
            lines.append(line)
        return np.array(lines, np.float64).reshape(len(lines), len(self._blank))

    def _by_column(self, rows: Sequence[Any]) -> Floats:
        if self._numbers_alone:
            return self._block.encode(rows)
        wide = len(self._blank)
        out = np.zeros((len(rows), wide))
        if self._numbers:
            out[:, self._block.places] = self._block.encode(rows)
        ones: list[int] = []
        for column, places in self._onehots:
            found = map(places.get, map(itemgetter(column), rows))
            ones += [at * wide + place for at, place in enumerate(found) if place is not None]
        out.reshape(-1)[ones] = 1.0
        for column, place, known, other in self._codes:
            out[:, place] = [known.get(value, other) for value in map(itemgetter(column), rows)]
        return out


class _Block:
    """All columns of numbers and booleans at once."""

    def __init__(
        self,
        steps: Sequence[NumberStep | BooleanStep],
        keys: Sequence[Any],
        places: NDArray[np.int64],
        *,
        width: int | None,
    ) -> None:
        self.places = places
        self.width = len(steps)
        self._values = itemgetter(*keys) if steps else tuple
        self._whole = list(keys) == list(range(width or 0))  # a row is its own numbers
        known = [_scaling(step) for step in steps]
        fills = [math.nan if step.fill is None else step.fill for step in steps]
        self._fills = None if all(map(math.isnan, fills)) else np.array(fills)
        scales = np.array([each[1:] for each in known]).reshape(-1, 2)
        self._scales = None if (scales == (0.0, 1.0)).all() else scales.T

    @property
    def as_it_is(self) -> bool:
        """Return whether a value is its own feature."""
        return self._fills is None and self._scales is None

    def encode(self, rows: Sequence[Any]) -> Floats:
        """Return the features, (n, width)."""
        values = rows if self._whole else list(map(self._values, rows))
        found = np.array(values, np.float64).reshape(len(rows), self.width)
        if self._fills is not None:
            found = np.where(np.isnan(found), self._fills, found)
        return found if self._scales is None else (found - self._scales[0]) / self._scales[1]


def _scaling(step: NumberStep | BooleanStep) -> tuple[float, float, float]:
    center, scale = (step.center, step.scale) if isinstance(step, NumberStep) else (0.0, 1.0)
    fill = math.nan if step.fill is None else (step.fill - center) / scale
    return fill, center, scale
