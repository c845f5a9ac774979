"""The steps of a plan: how one column becomes features, as data that a file can hold."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.tokens import MOST_CHARACTERS, TokensStep

Floats = NDArray[np.float64]
Category = str | float

UNSEEN = -1.0
"""The code that an ordinal step gives to a category it does not list."""


@dataclass(frozen=True, slots=True)
class NumberStep:
    """A number: `(x - center) / scale`; a null becomes `fill`, or stays NaN when that is None."""

    column: str
    fill: float | None = None
    center: float = 0.0
    scale: float = 1.0

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return (self.column,)

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, 1), of float64 values with NaN for null."""
        numbers = np.asarray(values, np.float64)
        if self.fill is not None:
            numbers = np.where(np.isnan(numbers), self.fill, numbers)
        return ((numbers - self.center) / self.scale)[:, None]


@dataclass(frozen=True, slots=True)
class BooleanStep:
    """A boolean as 0 or 1; a null becomes `fill`, or stays NaN when that is None."""

    column: str
    fill: float | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return (self.column,)

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, 1), of float64 values 0, 1 or NaN."""
        return NumberStep(self.column, self.fill).encode(values)


@dataclass(frozen=True, slots=True)
class OneHotStep:
    """A feature a category; a category that is not listed, and a null unless listed, is all 0."""

    column: str
    categories: tuple[Category | None, ...]
    places: dict[Category | None, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {name: i for i, name in enumerate(self.categories)})

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return tuple(
            f"{self.column} is null" if category is None else f"{self.column}={category}"
            for category in self.categories
        )

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, categories), of objects (str or None) or of numbers."""
        places = self.places
        found = np.array([places.get(value, -1) for value in as_categories(values)], np.int64)
        out = np.zeros((len(found), len(self.categories)))
        seen = np.flatnonzero(found >= 0)
        out[seen, found[seen]] = 1.0
        return out


@dataclass(frozen=True, slots=True)
class OrdinalStep:
    """A category as its place in the list; one that is not listed is -1, a null is `null`."""

    column: str
    categories: tuple[str, ...]
    null: float | None = None
    codes: dict[Category | None, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        null = math.nan if self.null is None else self.null
        codes: dict[Category | None, float] = {None: null}
        codes |= {name: float(i) for i, name in enumerate(self.categories)}
        object.__setattr__(self, "codes", codes)

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return (self.column,)

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, 1), of an object array of str or None."""
        codes = self.codes
        found = [codes.get(value, UNSEEN) for value in as_categories(values)]
        return np.array(found, np.float64)[:, None]


@dataclass(frozen=True, slots=True)
class TargetStep:
    """A category as the mean of what its rows answered; one that is not listed is the overall mean.

    There is one mean, or one a class where there are more than two: `means` has the shape
    (categories, outputs) and `overall` (outputs,). A null is a category if it is listed.
    """

    column: str
    categories: tuple[Category | None, ...]
    means: tuple[tuple[float, ...], ...]
    overall: tuple[float, ...]
    codes: dict[Category | None, tuple[float, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        codes = dict(zip(self.categories, self.means, strict=True))
        object.__setattr__(self, "codes", codes)

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        if len(self.overall) == 1:
            return (f"{self.column} by target",)
        return tuple(f"{self.column} by class {place}" for place in range(len(self.overall)))

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, outputs), of objects (str or None) or of numbers."""
        codes = self.codes
        found = [codes.get(value, self.overall) for value in as_categories(values)]
        return np.array(found, np.float64).reshape(len(found), len(self.overall))


@dataclass(frozen=True, slots=True)
class TfidfStep:
    """A text as the weights of its words and pairs of words; a null has none.

    A term that stands c times weighs (1 + ln c) times its inverse document frequency, and all
    weights of a text are divided by their Euclidean length (Salton and Buckley 1988).
    """

    column: str
    terms: tuple[str, ...]
    idf: tuple[float, ...]
    _places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {term: i for i, term in enumerate(self.terms)})

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return tuple(f"{self.column}: {term}" for term in self.terms)

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, terms), of an object array of str or None."""
        out = np.zeros((len(values), len(self.terms)))
        for row, text in zip(out, values.tolist(), strict=True):
            self.write(text, row)
        return out

    def write(self, text: str | None, row: Floats) -> None:
        """Put the weights of one text into its row, (terms,), of zeros."""
        counts: dict[int, int] = {}
        for term in terms_of(text):
            place = self._places.get(term)
            if place is not None:
                counts[place] = counts.get(place, 0) + 1
        weights = [(1 + math.log(c)) * self.idf[place] for place, c in counts.items()]
        # Not by numpy, whose sums depend on how it cuts them; zero if no term is known.
        length = math.sqrt(math.fsum(weight * weight for weight in weights))
        for place, weight in zip(counts, weights, strict=True):
            row[place] = weight / length


_WORD = re.compile(r"\w+")


def terms_of(text: str | None) -> list[str]:
    """Return the words of a text in lower case, then each pair of neighbours.

    >>> terms_of("Call NOW, call")
    ['call', 'now', 'call', 'call now', 'now call']
    """
    words = _WORD.findall(text[:MOST_CHARACTERS].lower()) if text else []
    return words + [f"{first} {second}" for first, second in itertools.pairwise(words)]


def as_categories(values: NDArray[Any]) -> list[Category | None]:
    """Return what the values of a column are looked up by: NaN, the null of numbers, as None."""
    return [None if value != value else value for value in values.tolist()]


Step = NumberStep | BooleanStep | OneHotStep | OrdinalStep | TargetStep | TfidfStep | TokensStep

_KINDS: dict[str, type[Step]] = {
    "number": NumberStep,
    "boolean": BooleanStep,
    "onehot": OneHotStep,
    "ordinal": OrdinalStep,
    "target": TargetStep,
    "tfidf": TfidfStep,
    "tokens": TokensStep,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_json(step: Step) -> dict[str, Any]:
    """Return a step as a JSON object, the inverse of `from_json`."""
    values = {each.name: getattr(step, each.name) for each in fields(step) if each.init}
    lists = {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
    return {"kind": _NAMES[type(step)], **lists}


def from_json(value: Mapping[str, Any]) -> Step:
    """Read what `to_json` wrote."""
    given = {name: _tuples(v) for name, v in value.items() if name != "kind"}
    return _KINDS[value["kind"]](**given)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
