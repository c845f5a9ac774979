"""Load a server at a rate that does not wait for it, or search for the rate that it bears."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlwright.core.errors import ConfigError
from mlwright.serve.load import Server, send_at, send_in_turn
from mlwright.serve.sending import Load

MOST_REQUESTS = 5_000_000
MOST_SECONDS = 3600.0
_MOST_FAILED = 0.001
_FIRST_LOOK = 2.0
_NEAR = 1.05
_STEPS = 16
_BUSY = 0.9
_LATE = 0.05
_OBJECTIVE = re.compile(r"p(\d+(?:\.\d+)?)\s*=\s*(\d+(?:\.\d+)?)\s*(ms|s)")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Objective:
    """What latency is borne: this percentile must not be above `seconds`."""

    text: str
    percent: float
    seconds: float

    def met(self, load: Load) -> bool:
        """Return whether a load bears it; more than 0.1% failures never do."""
        few = load.failed <= _MOST_FAILED * load.requests
        return few and load.latencies.percentile(self.percent) <= self.seconds


def objective(text: str) -> Objective:
    """Read an objective.

    Raises:
        ConfigError: it is none.

    >>> objective("p95=500ms")
    Objective(text='p95=500ms', percent=95.0, seconds=0.5)
    """
    found = _OBJECTIVE.fullmatch(text.strip())
    if found is None or not 0 < float(found[1]) <= 100 or float(found[2]) == 0:
        raise ConfigError(f"{text!r} is no objective", hint="write a percentile, as p95=500ms")
    seconds = float(found[2]) / (1000 if found[3] == "ms" else 1)
    return Objective(text, float(found[1]), seconds)


@dataclass(frozen=True, slots=True)
class Step:
    """One load at one rate; `met` is None without an objective."""

    rate: float
    load: Load
    met: bool | None

    def to_json(self) -> dict[str, Any]:
        """Return the documented keys of a load."""
        load = self.load
        return {
            "rate": round(self.rate, 3),
            "requests": load.requests,
            "failed": load.failed,
            "failures": dict(load.failures.most_common()),
            "throughput": round(load.throughput, 3),
            "seconds": round(load.seconds, 3),
            "latency_ms": load.latencies.to_json(),
            "met": self.met,
        }


@dataclass(frozen=True, slots=True)
class LoadTest:
    """What a load test found.

    `best` is the load that is reported: the only one, or at the highest rate that was borne; None
    where no rate was. `searched` says that rates were tried, `notices` what to doubt.
    """

    url: str
    objective: Objective | None
    steps: tuple[Step, ...]
    best: Step | None
    searched: bool
    connections: int
    arrivals: str
    notices: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Return whether the objective was reached, or there was none."""
        return self.best is not None and self.best.met is not False

    def to_json(self) -> dict[str, Any]:
        """Return the documented keys: those of the best load, and every step."""
        shown = self.best or self.steps[-1]
        return {
            "url": self.url,
            **shown.to_json(),
            "met": None if self.objective is None else self.met,
            "slo": self.objective.text if self.objective else None,
            "concurrency": self.connections,
            "arrivals": self.arrivals,
            "searched": self.searched,
            "steps": [step.to_json() for step in self.steps],
            "notices": list(self.notices),
        }


def load_test(
    server: Server,
    requests: Sequence[bytes],
    *,
    url: str,
    rate: float | None = None,
    slo: Objective | None = None,
    seconds: float = 10.0,
    connections: int = 32,
    timeout: float = 10.0,
    poisson: bool = True,
    seed: int = 0,
    say: Say = lambda _: None,
) -> LoadTest:
    """Load a server at a rate; without one, find the highest at which it bears the objective.

    Args:
        server: where to.
        requests: what is sent, in turn.
        url: how the server is named in the result.
        rate: requests a second; they are due whether or not the server has answered.
        slo: the objective. One of the two must be given.
        seconds: how long each load lasts.
        connections: how many are open; a request that is due while none is free waits, and that
            counts.
        timeout: seconds after which a request is given up.
        poisson: arrivals by chance as from many people, else evenly spaced.
        seed: of that chance.
        say: takes a line for each load.

    Raises:
        ConfigError: that would be more than five million requests or an hour.
        RemoteError: nobody listens there.
    """

    def at(wanted: float) -> Step:
        check_bounds(wanted, seconds)
        load = send_at(
            server,
            requests,
            wanted,
            seconds=seconds,
            connections=connections,
            timeout=timeout,
            poisson=poisson,
            seed=seed,
        )
        step = Step(wanted, load, slo.met(load) if slo else None)
        say(_line(step))
        return step

    if rate is not None:
        steps = [at(rate)]
        best: Step | None = steps[0]
    else:
        assert slo is not None  # noqa: S101
        look = send_in_turn(
            server,
            requests,
            seconds=min(seconds, _FIRST_LOOK),
            connections=connections,
            timeout=timeout,
        )
        say(f"answers up to {look.throughput:,.0f} requests/s, one after another")
        steps = search(at, look.throughput)
        best = max((step for step in steps if step.met), key=_rate, default=None)
    return LoadTest(
        url=url,
        objective=slo,
        steps=tuple(steps),
        best=best,
        searched=rate is None,
        connections=connections,
        arrivals="poisson" if poisson else "constant",
        notices=_notices(best or steps[-1]),
    )


def check_bounds(rate: float, seconds: float) -> None:
    """Refuse a load that would not end soon.

    Raises:
        ConfigError: that would be more than five million requests or an hour.
    """
    if rate * seconds > MOST_REQUESTS or seconds > MOST_SECONDS:
        raise ConfigError(
            f"{rate:g} requests/s for {seconds:g} s are more than {MOST_REQUESTS:,} requests or "
            f"{MOST_SECONDS / 60:g} minutes",
            hint="give a smaller --rate or --duration",
        )


def search(at: Callable[[float], Step], capacity: float) -> list[Step]:
    """Return the loads that were tried to find the highest rate that is borne, within 5%.

    It begins at 70% of what the server answers one after another, doubles or halves until the
    border lies between two rates, and then takes their geometric mean.
    """
    steps: list[Step] = []
    low, high, rate = 0.0, math.inf, max(0.7 * capacity, 1.0)
    while len(steps) < _STEPS and rate >= 1.0:
        steps.append(at(rate))
        low, high = (rate, high) if steps[-1].met else (low, rate)
        if low and high / low <= _NEAR:
            break
        rate = _between(low, high)
    return steps


def _between(low: float, high: float) -> float:
    """Return the next rate to try: twice or half as much until both ends are known."""
    if not low:
        return high / 2
    return math.sqrt(low * high) if high < math.inf else low * 2


def _rate(step: Step) -> float:
    return step.rate


def _line(step: Step) -> str:
    known: Mapping[str, float] = step.load.latencies.to_json()
    word = "" if step.met is None else ": within the objective" if step.met else ": beyond it"
    return (
        f"{step.rate:,.0f} requests/s for {step.load.seconds:.0f} s: p50 {known['p50']:g} ms, "
        f"p95 {known['p95']:g} ms, p99 {known['p99']:g} ms, {step.load.failed:,} failed{word}"
    )


def _notices(step: Step) -> tuple[str, ...]:
    load = step.load
    found = []
    if load.busy > _BUSY:
        found.append(
            f"the sender took {load.busy:.0%} of a processor: this may be its limit, not the "
            "server's"
        )
    if load.behind > _LATE:
        found.append(
            f"the sender itself was up to {1000 * load.behind:.0f} ms late, which counts as the "
            "server's"
        )
    return tuple(found)
