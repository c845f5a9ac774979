"""A search space as users write it: values, ranges, and what is searched only under a condition."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from .config import Section
from .errors import did_you_mean


def _listed(value: Any) -> Any:
    """Read one value as a list of it."""
    return value if isinstance(value, list | tuple) else [value]


Scalar = float | int | str | bool
When = dict[str, Annotated[tuple[Scalar, ...], BeforeValidator(_listed), Field(min_length=1)]]
"""Other parameters, and the values of theirs with which a parameter is searched at all."""


class SearchRange(Section):
    """The values from `low` to `high`; whole numbers where both are; `log` for orders of size."""

    low: float | int
    high: float | int
    log: bool = False
    step: float | int | None = None
    when: When = Field(default_factory=dict)


class SearchValues(Section):
    """Values to choose from, where they need a condition; else a list says the same."""

    values: tuple[Scalar, ...]
    when: When = Field(default_factory=dict)


def _kind_of_values(value: Any) -> str:
    if isinstance(value, SearchValues) or (isinstance(value, dict) and "values" in value):
        return "values"
    return "range" if isinstance(value, dict | SearchRange) else "list"


def _only_list(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return value
    problem = {"problem": "must be a list of values, or a range {low: …, high: …}"}
    raise PydanticCustomError("list", "{problem}", problem)


Searched = Annotated[
    Annotated[tuple[Scalar, ...], BeforeValidator(_only_list), Tag("list")]
    | Annotated[SearchRange, Tag("range")]
    | Annotated[SearchValues, Tag("values")],
    Discriminator(_kind_of_values),
]


def _check_conditions(space: dict[str, Searched]) -> dict[str, Searched]:
    """Refuse a condition that can never hold: its place is told in `at` (see `config._explain`)."""
    for name, each in space.items():
        for other, wanted in ({} if isinstance(each, tuple) else each.when).items():
            problem = _unmet(space, name, other, wanted)
            if problem:
                where = {"problem": problem, "at": (name, "when", other)}
                raise PydanticCustomError("condition", "{problem}", where)
    return space


def _unmet(space: dict[str, Searched], name: str, other: str, wanted: tuple[Scalar, ...]) -> str:
    if other not in space:
        return f"{other!r} is not searched{did_you_mean(other, space)}"
    found = space[other]
    if isinstance(found, SearchRange):
        return f"{other!r} is a range; a condition takes a parameter with listed values"
    values = found.values if isinstance(found, SearchValues) else found
    for value in wanted:
        if value not in values:
            return f"{other!r} never is {value!r}; it is one of {', '.join(map(repr, values))}"
    if name in _above(space, other):
        return f"{name!r} and {other!r} wait for each other"
    return ""


def _above(space: dict[str, Searched], name: str) -> set[str]:
    """Return the parameters that a parameter depends on, itself among them."""
    found, left = set[str](), [name]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            values = space.get(each, ())
            left += [] if isinstance(values, tuple) else list(values.when)
    return found


SearchSpace = Annotated[dict[str, Searched], AfterValidator(_check_conditions)]
"""Parameter -> a list of values, a range, or either with a condition."""
