"""Fields as typed columns, for stores whose columns have one type and a plain name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..conditions import kind
from ..records import Value


def columns(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the fields by the names of their columns; numbers are floats.

    >>> columns({"lang": "en", "year": 2020, "Odd Name": True})
    {'s_lang': 'en', 'n_year': 2020.0, 'b__x4f6464204e616d65': True}
    """
    return {
        column(name, kind(value)): float(value) if kind(value) == "n" else value
        for name, value in values.items()
    }


def column(field: str, type_: str) -> str:
    """Return a name that needs no quotes: what is no plain word goes in hexadecimal."""
    plain = re.fullmatch(r"[a-z0-9_]{1,60}", field)
    return f"{type_}_{field}" if plain else f"{type_}__x{field.encode().hex()}"
