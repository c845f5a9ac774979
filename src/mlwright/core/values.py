"""Numbers as people write them in a file: `1%`, `10m`, `5,25,50`, `5e-5`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from .clock import duration


def _share(value: Any) -> Any:
    """Read `1%` as 0.01; a bare number stays as it is."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return float(value.strip()[:-1]) / 100
    return value


def _percentages(value: Any) -> Any:
    """Read `5,25,50` as a list of numbers."""
    if isinstance(value, str):
        return [part.strip().removesuffix("%") for part in value.split(",")]
    return value


def _power_of_ten(value: Any) -> Any:
    """Read `5e-5`, which YAML 1.1 takes for text.

    >>> _power_of_ten("5e-5"), _power_of_ten("gbtree")
    (5e-05, 'gbtree')
    """
    is_one = isinstance(value, str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", value, re.IGNORECASE)
    return float(value) if is_one else value


def _seconds(value: Any) -> Any:
    return duration(value) if isinstance(value, str) else value


Share = Annotated[float, BeforeValidator(_share)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Percentages = Annotated[tuple[float, ...], BeforeValidator(_percentages)]
Plain = Annotated[float | int | str | bool, BeforeValidator(_power_of_ten)]
"""A parameter of an algorithm, as it is."""
