"""What a call of a language model costs, and the budget of a day.

Prices are those of `prices.json`, which names where each was read and when, to be checked; the
user's own go before.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlwright.core import clock
from mlwright.core.errors import ConfigError, UserError

from .records import Usage

_TABLE = Path(__file__).with_name("prices.json")
# What may follow a known name: a date, or `latest`; `gpt-4o-audio` is another model than `gpt-4o`.
_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|\d{4}|latest|preview)")


class BudgetSpent(UserError):
    """The day's budget has no room for another call."""


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens."""

    read: float
    written: float

    def of(self, usage: Usage) -> float:
        """Return what a call cost.

        >>> Price(3.0, 15.0).of(Usage(1000, 100))
        0.0045
        """
        return (usage.prompt_tokens * self.read + usage.completion_tokens * self.written) / 1e6


def price(model: str, own: Mapping[str, tuple[float, float]] | None = None) -> Price | None:
    """Return the price of a model, its dated versions too; None where it is not known.

    >>> price("gpt-4o-2024-08-06"), price("llama3.2")
    (Price(read=2.5, written=10.0), None)
    """
    known = {**_table(), **(own or {})}
    if model in known:
        return Price(*known[model])
    names = [name for name in known if _DATED.fullmatch(model.removeprefix(name))]
    names = [name for name in names if model.startswith(name)]
    return Price(*known[max(names, key=len)]) if names else None


@cache
def _table() -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for table in json.loads(_TABLE.read_text("utf-8"))["tables"]:
        found.update(table["models"])
    return found


class Budget:
    """Dollars that all processes of a workspace may spend a day, kept in one small database.

    A call reserves the most that it can cost, and gives back what it did not: so no two calls
    together exceed the day, and what a killed process had reserved counts as spent.
    """

    def __init__(self, path: Path, limit: float) -> None:
        self._path = path
        self._limit = limit

    def reserve(self, dollars: float) -> str:
        """Take room for a call, and return the day it was taken from.

        Raises:
            BudgetSpent: there is none left today.
        """
        day = clock.iso(clock.now())[:10]
        with self._database() as database:
            database.execute("insert or ignore into spend values (?, 0)", (day,))
            taken = database.execute(
                "update spend set dollars = dollars + ? where day = ? and dollars + ? <= ?",
                (dollars, day, dollars, self._limit),
            )
            if taken.rowcount:
                return day
        raise BudgetSpent(
            f"the budget of ${self._limit:g} a day has no room for another call",
            hint="it begins anew at midnight UTC; answers.budget_a_day sets it",
        )

    def settle(self, day: str, reserved: float, cost: float) -> None:
        """Put what a call cost in place of what it had reserved."""
        with self._database() as database:
            change = cost - reserved
            database.execute("update spend set dollars = dollars + ? where day = ?", (change, day))

    def spent(self) -> float:
        """Return what is spent or reserved today."""
        day = clock.iso(clock.now())[:10]
        with self._database() as database:
            row = database.execute("select dollars from spend where day = ?", (day,)).fetchone()
        return float(row[0]) if row else 0.0

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self._path, timeout=10)) as database, database:
            database.execute(
                "create table if not exists spend (day text primary key, dollars real)"
            )
            yield database


def needed_price(model: str, own: Mapping[str, tuple[float, float]]) -> Price:
    """Return the price of a model that a budget is kept for.

    Raises:
        ConfigError: it is not known, so that no budget can be kept.
    """
    found = price(model, own)
    if found is None:
        raise ConfigError(
            f"answers.budget_a_day cannot be kept: the price of {model!r} is not known",
            hint=f"answers.prices: {{{model}: [0, 0]}} sets it, $ for a million tokens",
        )
    return found
