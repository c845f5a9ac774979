"""Features made of columns by an expression, in a closed language of its own.

    comparison := sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
    sum        := product (("+" | "-") product)*
    product    := factor (("*" | "/") factor)*
    factor     := "-" factor | number | 'text' | column | function "(" ... ")" | "(" comparison ")"

A column whose name is not a plain word stands in backticks: `` `Monthly Charges` ``. Null goes in,
null comes out; what has no finite value, such as x / 0, is null.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn

from mlwright.bundle.evaluation import Expression, Step
from mlwright.bundle.functions import COMPARISONS, DATES, FUNCTIONS, OPERATORS
from mlwright.core.errors import ConfigError, did_you_mean
from mlwright.core.signature import Kind

MOST_CHARACTERS = 1000
DEEPEST = 50

Type = Literal["number", "text"]
_TYPES: dict[Kind, Type] = {
    "number": "number",
    "boolean": "number",
    "category": "text",
    "text": "text",
}
_PLACES = {"<": 1, "<=": 1, ">": 1, ">=": 1, "==": 1, "!=": 1, "+": 2, "-": 2, "*": 3, "/": 3}
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|`(?P<quoted>[^`\n]+)`"
    r"|'(?P<single>[^'\n]*)'"
    r'|"(?P<double>[^"\n]*)"'
    r"|(?P<sign><=|>=|==|!=|[-+*/<>(),])"
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(
    source: str, kinds: Mapping[str, Kind], *, refused: Mapping[str, str] | None = None
) -> Expression:
    """Read an expression over columns of these kinds.

    Args:
        source: its text.
        kinds: the columns that it may use.
        refused: further columns, each with the reason why it may not use them.

    Raises:
        ConfigError: it is none; the message begins with the line and column of the fault.

    >>> import numpy as np
    >>> ratio = parse("charges / months", {"charges": "number", "months": "number"})
    >>> ratio.evaluate({"charges": np.array([60.0, 5.0]), "months": np.array([12.0, 0.0])})
    array([ 5., nan])
    """
    return _Parser(source, kinds, refused or {}).parse()


class _Parser:
    """Precedence climbing over the tokens; steps are written in the order of evaluation."""

    def __init__(self, source: str, kinds: Mapping[str, Kind], refused: Mapping[str, str]) -> None:
        self._source = source
        self._kinds = kinds
        self._refused = refused
        if len(source) > MOST_CHARACTERS:
            self._fail(MOST_CHARACTERS, f"is longer than {MOST_CHARACTERS:,} characters")
        self._tokens = self._tokenized()
        self._next = 0
        self._steps: list[Step] = []
        self._columns: dict[str, Kind] = {}
        self._dates: set[str] = set()

    def parse(self) -> Expression:
        """Read the whole source."""
        found = self._operation(1, 0)
        if self._here.kind != "end":
            self._fail(self._here.at, f"expected an operator, got {self._here.text!r}")
        if found != "number":
            self._fail(0, "it gives a text; compare it, or take its length()")
        if not self._columns:
            self._fail(0, "it uses no column")
        return Expression(self._source, self._columns, frozenset(self._dates), tuple(self._steps))

    def _tokenized(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self._source):
            found = _TOKEN.match(self._source, at)
            if found is None:
                self._fail(at, f"unexpected {self._source[at]!r}")
            kind = str(found.lastgroup)
            if kind != "space":
                tokens.append(_Token(kind, found[kind], at))
            at = found.end()
        return [*tokens, _Token("end", "the end", len(self._source))]

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._here
        self._next += 1
        return token

    def _sees(self, sign: str) -> bool:
        return self._here.kind == "sign" and self._here.text == sign

    def _expect(self, sign: str) -> None:
        if not self._sees(sign):
            self._fail(self._here.at, f"expected {sign!r}, got {_named(self._here)}")
        self._next += 1

    def _operation(self, lowest: int, depth: int) -> Type:
        start = self._here.at
        left = self._factor(depth)
        compared = False
        while self._here.kind == "sign" and _PLACES.get(self._here.text, 0) >= lowest:
            sign = self._take()
            place = _PLACES[sign.text]
            if place == 1 and compared:
                self._fail(sign.at, "comparisons do not follow one another")
            compared = place == 1
            second = self._here.at
            right = self._operation(place + 1, depth)
            self._call_operator(sign, (left, right), (start, second))
            left = "number"
        return left

    def _call_operator(
        self, sign: _Token, given: tuple[Type, Type], places: tuple[int, int]
    ) -> None:
        if sign.text in COMPARISONS and given == ("text", "text"):
            self._steps.append(Step(function=COMPARISONS[sign.text]))
            return
        if sign.text in COMPARISONS and given[0] != given[1]:
            self._fail(sign.at, f"{sign.text} compares a {given[0]} with a {given[1]}")
        for found, at in zip(given, places, strict=True):
            if found != "number":
                self._fail(at, f"{sign.text} takes numbers, got a text")
        self._steps.append(Step(function=OPERATORS[sign.text]))

    def _factor(self, depth: int) -> Type:
        token = self._take()
        if depth > DEEPEST:
            self._fail(token.at, f"is nested deeper than {DEEPEST} levels")
        if token.kind == "number":
            return self._number(token)
        if token.kind in ("single", "double"):
            self._steps.append(Step(constant=token.text))
            return "text"
        if token.kind == "name" and self._sees("("):
            return self._function(token, depth)
        if token.kind in ("name", "quoted"):
            return self._column(token)
        if token.kind == "sign" and token.text == "(":
            found = self._operation(1, depth + 1)
            self._expect(")")
            return found
        if token.kind == "sign" and token.text == "-":
            return self._negative(token, depth)
        return self._fail(token.at, f"expected a value, got {_named(token)}")

    def _number(self, token: _Token) -> Type:
        value = float(token.text)
        if not math.isfinite(value):
            self._fail(token.at, "the number is out of range")
        self._steps.append(Step(constant=value))
        return "number"

    def _negative(self, token: _Token, depth: int) -> Type:
        at = self._here.at
        if self._factor(depth + 1) != "number":
            self._fail(at, f"{token.text} takes numbers, got a text")
        self._steps.append(Step(function=OPERATORS["negative"]))
        return "number"

    def _column(self, token: _Token) -> Type:
        kind = self._kinds.get(token.text)
        if kind is None and token.text in self._refused:
            why = self._refused[token.text]
            self._fail(token.at, f"column {token.text!r} cannot be used: {why}")
        if kind is None:
            near = did_you_mean(token.text, self._kinds)
            self._fail(token.at, f"unknown column {token.text!r}{near}")
        self._columns[token.text] = kind
        self._steps.append(Step(column=token.text))
        return _TYPES[kind]

    def _function(self, token: _Token, depth: int) -> Type:
        name = token.text
        if name not in FUNCTIONS:
            near = did_you_mean(name, FUNCTIONS) or f"; known: {', '.join(FUNCTIONS)}"
            self._fail(token.at, f"unknown function {name!r}{near}")
        self._expect("(")
        given = [] if self._sees(")") else [self._argument(name, depth)]
        while self._sees(","):
            self._next += 1
            given.append(self._argument(name, depth))
        self._expect(")")
        self._call(token, given)
        return "number"

    def _argument(self, name: str, depth: int) -> tuple[Type, _Token]:
        first = self._here
        found = self._operation(1, depth + 1)
        if name in DATES and self._steps[-1].column is not None:
            self._dates.add(str(self._steps[-1].column))
        return found, first

    def _call(self, token: _Token, given: list[tuple[Type, _Token]]) -> None:
        name, choices = token.text, FUNCTIONS[token.text]
        wanted = len(choices[0].takes)
        if len(given) != wanted:
            plural = "value" if wanted == 1 else "values"
            self._fail(token.at, f"{name}() takes {wanted} {plural}, got {len(given)}")
        types = tuple(found for found, _ in given)
        for function in choices:
            if function.takes == types:
                self._steps.append(Step(function=function))
                return
        want = choices[0].takes[0]
        wrong = next(first for found, first in given if found != want)
        got = "a text" if want == "number" else "a number"
        self._fail(wrong.at, f"{name}() takes a {want}, {_named(wrong)} is {got}")

    def _fail(self, at: int, message: str) -> NoReturn:
        before = self._source[:at]
        line, column = before.count("\n") + 1, at - before.rfind("\n")
        raise ConfigError(f"{line}:{column}: {message}", hint="mend the expression")


def _named(token: _Token) -> str:
    return token.text if token.kind == "end" else repr(token.text)
