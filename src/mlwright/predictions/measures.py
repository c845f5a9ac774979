"""Values that requests brought, told afterwards by request id: a sale, a click, a complaint."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from mlwright.core import clock
from mlwright.core.errors import DataError

from .lines import Measure, line
from .segment import Segment

STEM = "measures"
_BATCH = 10_000


def add(folder: Path, measure: str, pairs: Iterable[tuple[str, float]]) -> int:
    """Keep a value of each request id under a name, and return how many there were.

    Raises:
        DataError: the name cannot be one, or a value is no number.
    """
    if not re.fullmatch(r"[A-Za-z_]\w{0,63}", measure):
        raise DataError(
            f"{measure!r} cannot be the name of a measure",
            hint="letters, digits and _, beginning with no digit",
        )
    given = list(pairs)
    for position, (_, value) in enumerate(given):
        if not math.isfinite(value):
            raise DataError(f"value {position + 1} is no number", hint="leave that request out")
    now = clock.now()
    lines = [line(Measure(now, request, measure, value)) for request, value in given]
    segment = Segment(folder, STEM)
    for start in range(0, len(lines), _BATCH):
        segment.append(lines[start : start + _BATCH])
    segment.close()
    return len(lines)
