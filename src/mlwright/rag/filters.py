"""The one language of metadata filters, for every store.

    category = 'guide' and year >= 2020 and not (author in ('ann', 'bob') or draft = true)

A condition compares a field with a value: =, !=, <, <=, >, >=, in. Fields are the metadata of a
chunk and its source, title, document and page. A value matches only one of its own type: text,
number, or true and false. A chunk without the field fails every comparison, `!=` too; `not` turns
the answer round, so that `not year = 2020` keeps what has no year.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from mlwright.core.errors import ConfigError

from .conditions import All, AnyOf, Compare, Condition, In, Not
from .records import Value

MOST_CHARACTERS = 10_000
_DEEPEST = 50


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
