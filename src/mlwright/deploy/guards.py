"""Guards: what may stop a rollout, how each is written, and the evidence that it gathers.

The accounting of alpha, for a release with k guards:

- Rolled back though no worse on any guard: at most alpha. Each guard's e-process rejects "the
  candidate is no worse" at alpha / k (union bound).
- Promoted though worse by the margin or more on some guard: at most alpha. Each guard's test of
  non-inferiority runs at the full alpha, since promotion needs all of them and the one that must
  not accept does so with probability at most alpha (Berger 1982, "Multiparameter hypothesis
  testing and acceptance sampling", Technometrics 24(4): intersection-union).

A release is in one of these two worlds at most, so no part of alpha is spent on the other. Both
hold at every look (see `mlwright.stats.eprocess`). The unit is the routing key: its first bad
outcome for the rollback, its first outcome for the promotion; a request without a key is a unit
of its own, as it was assigned by a coin of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlwright.core.clock import duration
from mlwright.core.errors import ConfigError, did_you_mean
from mlwright.predictions.lines import Outcome

ALPHA = 0.01
_FORM = "write error_rate=1%, or p50, p95 or p99 with a time, as p95=500ms"


@dataclass(frozen=True, slots=True)
class Guard:
    """A bad event of a request, and by how much its share may be higher on the candidate.

    `slower_than` is in milliseconds; None means that the bad event is a failed answer.
    """

    name: str
    text: str
    margin: float
    slower_than: float | None = None

    def bad(self, outcome: Outcome) -> bool:
        """Return whether this answer counts against its arm."""
        if self.slower_than is None:
            return not outcome.ok
        return outcome.latency_ms > self.slower_than


def parse(guards: Mapping[str, str]) -> tuple[Guard, ...]:
    """Read guards: names and limits.

    `error_rate=1%`: the candidate may fail at most one point more of its requests than the
    champion. `p95=500ms`: at most 5% more of its answers may take longer than 500 ms; where the
    champion has none, that is a 95th percentile under 500 ms.

    Raises:
        ConfigError: an unknown name, or a limit that cannot be read.

    >>> [(guard.name, guard.margin, guard.slower_than) for guard in parse({"p95": "500ms"})]
    [('p95', 0.05, 500.0)]
    """
    return tuple(_guard(name, str(text).strip()) for name, text in guards.items())


def _guard(name: str, text: str) -> Guard:
    if name == "error_rate":
        return Guard(name, text, _share(name, text))
    if match := re.fullmatch(r"p([1-9]\d)", name):
        quantile = int(match[1]) / 100
        return Guard(name, text, round(1 - quantile, 2), _milliseconds(name, text))
    known = ("error_rate", "p50", "p95", "p99")
    raise ConfigError(f"no guard is named {name!r}{did_you_mean(name, known)}", hint=_FORM)


def _share(name: str, text: str) -> float:
    number = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text)
    share = float(number[1]) / (100 if number[2] else 1) if number else 0.0
    if not 0 < share < 1:
        raise ConfigError(f"{name}={text}: the limit must be a share, over 0% and under 100%")
    return share


def _milliseconds(name: str, text: str) -> float:
    try:
        limit = float(text[:-2]) if text.endswith("ms") else duration(text) * 1000
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise ConfigError(f"{name}={text}: the limit must be a time", hint=_FORM)
    return limit
