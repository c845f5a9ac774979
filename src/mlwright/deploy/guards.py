"""Guards: what may stop a rollout, how each is written, and how alpha is shared among them.

The accounting of alpha, for a release with k guards:

- Rolled back though no worse on any guard, and though the split is right: at most alpha. The check
  of the split is paid from it, and each guard's test rejects "no worse" at its own part (union
  bound). Of several guards the one on errors gets most: they are what hurts most, and with the
  prior of `RateEProcess` three guards then find 1% -> 5% as soon as one does.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mlwright.core.clock import duration
from mlwright.core.errors import ConfigError, did_you_mean
from mlwright.predictions.lines import Outcome

Kind = Literal["failure", "slow", "slower", "predictions", "accuracy", "off", "measure"]
Source = Literal["outcome", "prediction", "label", "measure"]

ALPHA: Final = 0.01
SPLIT_PART: Final = 0.02  # of alpha, for the check of the split
_ERRORS_PART: Final = 0.88  # of the rest, for the guard on errors among several
_KNOWN = ("error_rate", "p50", "p95", "p99", "accuracy", "mae", "predictions")
_FORM = (
    "write error_rate=1%, p95=500ms, p95=+10%, predictions=10%, accuracy=-1%, mae=+5%, or a minus "
    "for a value that you tell, as conversion=-1%"
)
_SOURCES: Final[dict[Kind, Source]] = {
    "slower": "prediction",
    "predictions": "prediction",
    "accuracy": "label",
    "off": "label",
    "measure": "measure",
}


@dataclass(frozen=True, slots=True)
class Guard:
    """What is compared, and by how much it may be worse on the candidate.

    `margin` is a difference of shares or means, 0 where it lies in the loss itself: an answer of
    the candidate is `slower` above `growth` times that `quantile` of the champion's, and what it
    is `off` by counts one `growth`th. `slower_than` is in milliseconds.
    """

    name: str
    text: str
    margin: float
    kind: Kind = "failure"
    slower_than: float | None = None
    quantile: float = 0.0
    growth: float = 1.0

    @property
    def source(self) -> Source:
        """Where what it compares is read."""
        return _SOURCES.get(self.kind, "outcome")

    @property
    def is_mean(self) -> bool:
        """Whether a loss is compared by its mean, and not the share of a yes/no event."""
        return self.kind in ("measure", "off")

    def bad(self, outcome: Outcome) -> bool:
        """Return whether this answer counts against its arm, for a failure or a limit of time."""
        if self.slower_than is None:
            return not outcome.ok
        return outcome.latency_ms > self.slower_than


def parse(guards: Mapping[str, str]) -> tuple[Guard, ...]:
    """Read guards: names and limits.

    - `error_rate=1%`: it may fail at most one point more of its requests than the champion.
    - `p95=500ms`: at most 5% more of its answers may take longer than 500 ms; where the champion
      has none, that is a 95th percentile under 500 ms.
    - `p95=+10%`: its 95th percentile may be at most 10% above the champion's of the same time,
      each measured in its own worker: the way to the candidate is not the model's fault.
    - `predictions=10%`: the share of the champion's commonest prediction (of values above its
      median, for numbers) may differ by ten points to either side.
    - `accuracy=-1%`: at most one point less of its predictions may be right, once labels arrive.
    - `mae=+5%`: of numbers, the mean absolute error may be at most 5% above the champion's, once
      labels arrive; an error counts up to a bound that the champion's first ones give.
    - `conversion=-1%`: the same of the mean of a value in 0..1 that is told for requests.

    Raises:
        ConfigError: an unknown name, or a limit that cannot be read.

    >>> [(guard.name, guard.margin, guard.slower_than) for guard in parse({"p95": "500ms"})]
    [('p95', 0.05, 500.0)]
    """
    return tuple(_guard(name, str(text).strip()) for name, text in guards.items())


def alphas(guards: Sequence[Guard], alpha: float = ALPHA) -> tuple[float, ...]:
    """Return each guard's part of alpha for the rollback; the split's check has `SPLIT_PART`.

    >>> [round(part, 5) for part in alphas(parse({"error_rate": "1%", "p95": "1s", "p99": "2s"}))]
    [0.00862, 0.00059, 0.00059]
    """
    whole = alpha * (1 - SPLIT_PART)
    first = [guard.kind == "failure" for guard in guards]
    if sum(first) != 1 or len(guards) == 1:
        return tuple(whole / len(guards) for _ in guards)
    others = whole * (1 - _ERRORS_PART) / (len(guards) - 1)
    return tuple(whole * _ERRORS_PART if is_first else others for is_first in first)


def _guard(name: str, text: str) -> Guard:
    if name == "error_rate":
        return Guard(name, text, _share(name, text))
    if match := re.fullmatch(r"p([1-9]\d)", name):
        return _latency(name, text, int(match[1]) / 100)
    if name == "predictions":
        return Guard(name, text, _share(name, text), "predictions")
    if name == "accuracy":
        return Guard(name, text, _share(name, _unsigned(name, text)), "accuracy")
    if name == "mae":
        return Guard(name, text, 0.0, "off", growth=1 + _share(name, _grown(name, text)))
    near = did_you_mean(name, _KNOWN)
    if text.startswith("-") and re.fullmatch(r"[A-Za-z_]\w{0,63}", name) and not near:
        return Guard(name, text, _share(name, text[1:]), "measure")
    raise ConfigError(f"no guard is named {name!r}{near}", hint=_FORM)


def _latency(name: str, text: str, quantile: float) -> Guard:
    if text.startswith("+"):
        growth = 1 + _share(name, text[1:])
        return Guard(name, text, 0.0, "slower", quantile=quantile, growth=growth)
    margin = round(1 - quantile, 2)
    return Guard(name, text, margin, "slow", slower_than=_milliseconds(name, text))


def _unsigned(name: str, text: str) -> str:
    if not text.startswith("-"):
        raise ConfigError(f"{name}={text}: the limit is a loss", hint=f"write {name}=-1%")
    return text[1:]


def _grown(name: str, text: str) -> str:
    if not text.startswith("+"):
        raise ConfigError(f"{name}={text}: the limit is a growth", hint=f"write {name}=+5%")
    return text[1:]


def _share(name: str, text: str) -> float:
    number = re.fullmatch(r"(\d*\.?\d+)\s*(%?)", text.strip())
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
        raise ConfigError(
            f"{name}={text}: the limit must be a time", hint=f"write {name}=500ms, or {name}=+10%"
        )
    return limit
