"""How many workers a version needs, from what they were seen to do: no clock, no process.

As Kubernetes' HorizontalPodAutoscaler: the number follows from the work itself, wanted = work /
aim, so that it does not depend on the number there is. Against flapping there is a dead band (more
above `HIGH`, fewer only where each would be under `LOW`), a growth after three seconds, and a cut
only after a minute in which no moment needed more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HIGH: Final = 0.75  # share of its time that a worker computes, above which there are more
AIM: Final = 0.6  # what a growth brings it to
LOW: Final = 0.5  # what a cut brings it to at most
QUEUE: Final = 8.0  # requests under way in a worker, above which there are more
SOON: Final = 3  # looks, a second apart, before a growth
CALM: Final = 60.0  # seconds before a cut


@dataclass(frozen=True, slots=True)
class Scaling:
    """From how many workers to how many."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class Load:
    """What the workers of a version do together.

    `busy` are processors' worth of computing, at most one a worker; `waiting` requests that are
    under way, on average.
    """

    busy: float
    waiting: float


@dataclass(frozen=True, slots=True)
class Seen:
    """One look, at seconds of any clock, at so many workers."""

    time: float
    workers: int
    load: Load


@dataclass(frozen=True, slots=True)
class Wanted:
    """The number of workers, and why it is another one; "" where it is the same."""

    workers: int
    why: str = ""


def wanted_workers(scaling: Scaling, seen: Sequence[Seen]) -> Wanted:
    """Return how many workers there should be, from looks a second apart, the oldest first.

    Looks at another number of workers than the last one are not counted.

    >>> seen = [Seen(t, 1, Load(0.95, 2.0)) for t in range(3)]
    >>> wanted_workers(Scaling(1, 4), seen)
    Wanted(workers=2, why='1 → 2 workers: each was busy 95% of its time')
    """
    now = seen[-1].workers
    if not scaling.least <= now <= scaling.most:
        there = min(scaling.most, max(scaling.least, now))
        return Wanted(there, f"{now} → {there} workers: {scaling} are allowed")
    same = [look for look in seen if look.time >= _since(seen)]
    if len(same) < SOON:
        return Wanted(now)
    busy, waiting = _mean(same[-SOON:])
    if busy > HIGH * now or waiting > QUEUE * now:
        return _more(scaling, now, busy, waiting)
    if same[-1].time - same[0].time < CALM:
        return Wanted(now)
    return _fewer(scaling, now, [look for look in same if look.time >= same[-1].time - CALM])


def _more(scaling: Scaling, now: int, busy: float, waiting: float) -> Wanted:
    wanted = min(scaling.most, max(now + 1, math.ceil(busy / AIM)))
    if wanted == now:
        return Wanted(now)
    why = (
        f"each was busy {busy / now:.0%} of its time"
        if busy > HIGH * now
        else f"{waiting / now:.0f} requests were under way in each"
    )
    return Wanted(wanted, f"{now} → {wanted} workers: {why}")


def _fewer(scaling: Scaling, now: int, calm: Sequence[Seen]) -> Wanted:
    means = [_mean(calm[i : i + SOON]) for i in range(len(calm) - SOON + 1)]
    busy, waiting = max(b for b, _ in means), max(w for _, w in means)
    wanted = max(scaling.least, math.ceil(busy / LOW), math.ceil(waiting / (QUEUE * LOW)))
    if wanted >= now:
        return Wanted(now)
    why = f"none was busy over {busy / now:.0%} of its time for {CALM:g} s"
    return Wanted(wanted, f"{now} → {wanted} workers: {why}")


def _since(seen: Sequence[Seen]) -> float:
    """Return when the present number of workers was first seen."""
    since = seen[-1].time
    for look in reversed(seen):
        if look.workers != seen[-1].workers:
            break
        since = look.time
    return since


def _mean(looks: Sequence[Seen]) -> tuple[float, float]:
    n = len(looks)
    return sum(look.load.busy for look in looks) / n, sum(look.load.waiting for look in looks) / n
