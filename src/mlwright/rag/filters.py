"""The one language of metadata filters, for every store.

    category = 'guide' and year >= 2020 and not (author in ('ann', 'bob') or draft = true)

A condition compares a field with a value: =, !=, <, <=, >, >=, in. Fields are the metadata of a
chunk and its source, title, document and page. A value matches only one of its own type: text,
number, or true and false. A chunk without the field fails every comparison, `!=` too; `not` turns
the answer round, so that `not year = 2020` keeps what has no year.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from mlwright.core.errors import ConfigError

from .records import Chunk, Value

MOST_CHARACTERS = 10_000
_DEEPEST = 50

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True, slots=True)
class Compare:
    """A field against one value."""

    field: str
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """A field against a list of values."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Lacks:
    """The field is not there, or is of another type; what `without_not` makes, nobody writes."""

    field: str
    kind: str


Condition = Compare | In | All | AnyOf | Not | Lacks


def parse(where: str | Mapping[str, Any] | Condition | None) -> Condition | None:
    """Read a filter: text of the language, or a mapping whose every field must match.

    Raises:
        ConfigError: it is not of the language; the message has the place.

    >>> parse("year >= 2020 and lang in ('en', 'de')")
    All(parts=(Compare(field='year', operator='>=', value=2020), In(field='lang', \
values=('en', 'de'))))
    >>> parse({"year": 2020}) == parse("year = 2020")
    True
    """
    if where is None or isinstance(where, Condition):
        return where
    if isinstance(where, str):
        return _Parser(where).whole() if where.strip() else None
    parts = tuple(_of_entry(field, value) for field, value in where.items())
    return parts[0] if len(parts) == 1 else All(parts) if parts else None


def fields(chunk: Chunk) -> dict[str, Value]:
    """Return what a filter can ask of a chunk."""
    own: dict[str, Value] = {
        "source": chunk.source,
        "title": chunk.title,
        "document": chunk.document,
    }
    if chunk.page is not None:
        own["page"] = chunk.page
    return {**chunk.metadata, **own}


def matches(condition: Condition, values: Mapping[str, Value]) -> bool:
    """Return whether the fields of a chunk satisfy the condition.

    >>> matches(parse("year > 2000 and not lang = 'de'"), {"year": 2001, "lang": "en"})
    True
    """
    match condition:
        case All(parts):
            return all(matches(part, values) for part in parts)
        case AnyOf(parts):
            return any(matches(part, values) for part in parts)
        case Not(part):
            return not matches(part, values)
        case In(field, options):
            return any(_compare(values.get(field), "=", option) for option in options)
        case Compare(field, sign, value):
            return _compare(values.get(field), sign, value)
        case Lacks(field, type_):
            return field not in values or kind(values[field]) != type_


def without_not(condition: Condition) -> Condition:
    """Return an equal condition of All, AnyOf, Compare, In of one type, and Lacks alone.

    Stores differ in what their "not" does to a chunk without the field; this one leaves no doubt.
    """
    match condition:
        case All(parts):
            return All(tuple(map(without_not, parts)))
        case AnyOf(parts):
            return AnyOf(tuple(map(without_not, parts)))
        case In(field, values):
            kinds = sorted(set(map(kind, values)))
            parts = tuple(In(field, tuple(v for v in values if kind(v) == k)) for k in kinds)
            return parts[0] if len(parts) == 1 else AnyOf(parts)
        case Not(part):
            return _negated(part)
        case _:
            return condition


def _negated(condition: Condition) -> Condition:
    match condition:
        case All(parts):
            return AnyOf(tuple(map(_negated, parts)))
        case AnyOf(parts):
            return All(tuple(map(_negated, parts)))
        case Not(part):
            return without_not(part)
        case In(field, values):
            return All(tuple(_negated(Compare(field, "=", value)) for value in values))
        case Compare(field, sign, value):
            return AnyOf((Compare(field, OPPOSITE[sign], value), Lacks(field, kind(value))))
        case Lacks():
            raise ValueError("what has no 'not' in it is not turned round")


def kind(value: Value) -> str:
    """Return the type that a value is compared within: b, n or s.

    >>> kind(True), kind(1.5), kind("x")
    ('b', 'n', 's')
    """
    return "b" if isinstance(value, bool) else "n" if isinstance(value, int | float) else "s"


def _compare(found: Value | None, sign: str, value: Value) -> bool:
    return found is not None and kind(found) == kind(value) and COMPARISONS[sign](found, value)


def _of_entry(field: str, value: Any) -> Condition:
    if isinstance(value, list | tuple) and all(isinstance(v, str | int | float) for v in value):
        return In(field, tuple(value))
    if isinstance(value, str | int | float):
        return Compare(field, "=", value)
    raise ConfigError(
        f"filter: {field}: a value is text, a number, true or false, or a list of them",
        hint="for more, write the filter as text: \"year >= 2020 and lang = 'en'\"",
    )


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<sign><=|>=|!=|=|<|>)
    | (?P<punctuation>[(),])
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])
    | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<word>[A-Za-z_][\w.-]*)
    )""",
    re.VERBOSE,
)
_KEYWORDS = {"and", "or", "not", "in", "true", "false"}


class _Parser:
    """Recursive descent over: or → and → not → (…) | field sign value | field in (…)."""

    def __init__(self, text: str) -> None:
        if len(text) > MOST_CHARACTERS:
            raise ConfigError(f"filter: has more than {MOST_CHARACTERS:,} characters")
        self.tokens = _tokens(text)
        self.place = 0
        self.depth = 0

    def whole(self) -> Condition:
        condition = self._either()
        if self._peek()[0] != "end":
            self._refuse("'and', 'or' or the end")
        return condition

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Condition:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ConfigError(f"filter: is nested more than {_DEEPEST} deep")
        try:
            if self._take("not"):
                return Not(self._one())
            if self._take("("):
                condition = self._either()
                self._expect(")")
                return condition
            return self._comparison()
        finally:
            self.depth -= 1

    def _comparison(self) -> Condition:
        field = self._next("word", "a field")
        if self._take("in"):
            self._expect("(")
            values = [self._value()]
            while self._take(","):
                values.append(self._value())
            self._expect(")")
            return In(field, tuple(values))
        return Compare(field, self._next("sign", "=, !=, <, <=, >, >= or in"), self._value())

    def _value(self) -> Value:
        found, text, _ = self._peek()
        if found == "text":
            self.place += 1
            return text[1:-1].replace(text[0] * 2, text[0])
        if found == "number":
            self.place += 1
            return int(text) if text.lstrip("-").isdigit() else float(text)
        if text not in ("true", "false"):
            self._refuse("a number, true, false, or text in quotes")
        self.place += 1
        return text == "true"

    def _peek(self) -> tuple[str, str, int]:
        return self.tokens[self.place]

    def _take(self, text: str) -> bool:
        found, said, _ = self._peek()
        if found in ("keyword", "punctuation") and said == text:
            self.place += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            self._refuse(f"{text!r}")

    def _next(self, wanted: str, name: str) -> str:
        found, text, _ = self._peek()
        if found != wanted:
            self._refuse(name)
        self.place += 1
        return text

    def _refuse(self, wanted: str) -> NoReturn:
        found, text, at = self._peek()
        said = "it ends" if found == "end" else f"{text!r} stands"
        raise ConfigError(
            f"filter: {said} at character {at + 1} where {wanted} belongs",
            hint="for example: category = 'guide' and year >= 2020",
        )


def _tokens(text: str) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise ConfigError(
                f"filter: {text[at]!r} at character {at + 1} is not of the language",
                hint="for example: category = 'guide' and year >= 2020",
            )
        name, said = match.lastgroup, match[match.lastgroup]
        if name == "word" and said.lower() in _KEYWORDS:
            name, said = "keyword", said.lower()
        found.append((name, said, match.start(match.lastgroup)))
        at = match.end()
    return [*found, ("end", "", end)]
