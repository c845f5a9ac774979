"""Alert rules as people write them: `accuracy < 85%`, `> 3 features drifted`, `p95 > 500ms`.

The grammar is closed:

    rule     measure operator limit | operator limit [measure]
    measure  accuracy precision recall f1 auc average_precision log_loss ece mae rmse r2
             | estimated and one of accuracy to log_loss
             | p50 p95 p99 | error rate | requests fail | features drifted
    operator < <= > >=
    limit    a number, with % for shares, ms or s for latency
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .errors import did_you_mean

Unit = Literal["share", "number", "seconds", "count"]

_SHARES = ("accuracy", "precision", "recall", "f1", "auc", "average_precision")
_ESTIMATED = tuple(f"estimated_{name}" for name in _SHARES)
# An alert is for the value that falls; for all others, that rises.
_FALLS = (*_SHARES, *_ESTIMATED, "r2")
MEASURES: dict[str, Unit] = {
    **dict.fromkeys((*_SHARES, *_ESTIMATED), "share"),
    "ece": "share",
    "error_rate": "share",
    **dict.fromkeys(("r2", "log_loss", "mae", "rmse", "estimated_log_loss"), "number"),
    **dict.fromkeys(("p50", "p95", "p99"), "seconds"),
    "drifted_features": "count",
}
_SPELLINGS = {
    **{name.replace("_", " "): name for name in MEASURES},
    "features drifted": "drifted_features",
    "feature drifted": "drifted_features",
    "of requests fail": "error_rate",
    "requests fail": "error_rate",
    "r²": "r2",
}
_RULE = re.compile(
    r"\s*(?P<before>[^<>]*?)\s*(?P<op>[<>]=?)\s*(?P<limit>[\d.]+)\s*(?P<rest>.*?)\s*"
)
_FACTORS: dict[Unit, dict[str, float]] = {
    "share": {"%": 0.01, "": 1.0},
    "number": {"": 1.0},
    "seconds": {"ms": 0.001, "s": 1.0},
    "count": {"": 1.0},
}


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When to tell someone: the measure beyond the limit. Latency is in seconds."""

    measure: str
    above: bool
    limit: float
    inclusive: bool
    text: str

    @property
    def unit(self) -> Unit:
        """Return what the measure is counted in."""
        return MEASURES[self.measure]

    def breaks(self, value: float) -> bool:
        """Return whether this value is beyond the limit.

        >>> parse("p95 > 500ms").breaks(0.5), parse("p95 >= 500ms").breaks(0.5)
        (False, True)
        """
        if value == self.limit:
            return self.inclusive
        return value > self.limit if self.above else value < self.limit

    def written(self, value: float) -> str:
        """Write a value in the measure's unit.

        >>> parse("accuracy < 85%").written(0.8321), parse("p95 > 500ms").written(0.612)
        ('83.2%', '612 ms')
        """
        if self.unit == "share":
            return f"{100 * value:.3g}%"
        return f"{1000 * value:.4g} ms" if self.unit == "seconds" else f"{value:.4g}"


def parse(text: str) -> AlertRule:
    """Read one rule.

    Raises:
        ValueError: it is not one; the message says what is wrong and how it is written.

    >>> rule = parse("> 3 features drifted")
    >>> rule.measure, rule.above, rule.limit
    ('drifted_features', True, 3.0)
    """
    match = _RULE.fullmatch(text)
    if not match or match["limit"].count(".") > 1 or match["limit"] == ".":
        raise ValueError(f"{text!r} is not a rule; write it as accuracy < 85% or p95 > 500ms")
    unit, after = _unit(match["rest"])
    measure = _measure(text, match["before"], after)
    factors = _FACTORS[MEASURES[measure]]
    if unit not in factors:
        units = " or ".join(known or "no unit" for known in factors)
        raise ValueError(f"{text!r}: {measure} is measured in {units}, not in {unit or 'no unit'}")
    above = match["op"].startswith(">")
    if above == (measure in _FALLS):
        other = text.replace(match["op"], "<" if above else ">")
        raise ValueError(f"{text!r} would alert while all is well; did you mean {other!r}?")
    limit = float(match["limit"]) * factors[unit]
    return AlertRule(measure, above, limit, match["op"].endswith("="), " ".join(text.split()))


def read(value: Any) -> Any:
    """Read a rule of a file: text, or a name with text, as `Performance: accuracy < 85%`.

    Raises:
        ValueError: as `parse`.
    """
    if isinstance(value, AlertRule):
        return value
    if isinstance(value, Mapping) and len(value) == 1:
        (name, rule), *_ = value.items()
        # The name is a heading, but in `Error rate: >1%` it is the measure too.
        bare = isinstance(rule, str) and re.fullmatch(r"\s*[<>]=?\s*[\d.]+\s*(%|ms|s)?\s*", rule)
        return parse(f"{name} {rule}" if bare else str(rule))
    if not isinstance(value, str):
        raise ValueError("a rule is text, as accuracy < 85%; quote one that begins with >")
    return parse(value)


def _unit(rest: str) -> tuple[str, str]:
    match = re.match(r"(%|ms\b|s\b)?\s*(.*)", rest)
    return ((match[1] or ""), match[2]) if match else ("", rest)


def _measure(text: str, before: str, after: str) -> str:
    if before and after:
        raise ValueError(f"{text!r}: {after!r} after the limit is not understood")
    named = " ".join((before or after).lower().replace("_", " ").split())
    if named in _SPELLINGS:
        return _SPELLINGS[named]
    if not named:
        raise ValueError(f"{text!r} does not say what is measured; write it as p95 > 500ms")
    near = did_you_mean(named, _SPELLINGS)
    raise ValueError(f"{text!r}: no measure named {named!r}{near or _known()}")


def _known() -> str:
    return f"; known: {', '.join(sorted(MEASURES))}"
