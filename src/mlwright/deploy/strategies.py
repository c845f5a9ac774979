"""Strategies: how traffic moves to a new version, decided from evidence alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from mlwright.core.backends import Backend, Backends

from .evidence import Observations
from .releases import Release

Action = Literal["wait", "shift", "promote", "rollback"]


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next; `weight` is the new version's share of traffic from then on."""

    action: Action
    step: int
    weight: float
    reason: str


class Strategy(Protocol):
    """Pure: no clock, no chance, no network; the same release and evidence, the same step."""

    def next_step(self, release: Release, observations: Observations) -> Step:
        """Return what follows for a release that passed its tests.

        `release.options["steps"]` holds the percentages, the last of which is 100.
        """


class AllAtOnce:
    """The new version answers everything as soon as it passed its tests."""

    def next_step(self, release: Release, observations: Observations) -> Step:
        """Promote, whatever was observed."""
        return Step("promote", release.step, 1.0, "passed its tests")


class Canary:
    """The new version gets a growing share, and the rest once it is proved no worse.

    It is rolled back as soon as one guard rejects "no worse than the champion". With m shares
    before 100%, share number i is left when every guard's evidence of non-inferiority has come
    the part i/m of the way, an e-value of (1 / alpha)^(i/m); so the last needs all of it, and
    the level of the promotion does not depend on the number of shares. Evidence adds up over
    shares, as each unit carries the share that it was assigned with.
    """

    def next_step(self, release: Release, observations: Observations) -> Step:
        """Return the step that a person asked for, else the one that the evidence gives."""
        shares = [step / 100 for step in release.options["steps"] if step < 100]
        if asked := _asked(release):
            return asked
        if worse := [guard for guard in observations.guards if guard.worse]:
            return Step("rollback", release.step, 0.0, "; ".join(g.verdict for g in worse))
        step = release.step
        if release.weight == 0.0:
            return Step("shift", 0, shares[0], f"{shares[0]:.0%} of traffic to try it")
        way = min((guard.way for guard in observations.guards), default=0.0)
        if way < (step + 1) / len(shares) - 1e-12:
            return Step("wait", step, release.weight, "not enough data")
        if step + 1 == len(shares):
            return Step("promote", step, 1.0, "no worse than the champion on every guard")
        share = shares[step + 1]
        return Step("shift", step + 1, share, f"{share:.0%} of traffic: no worse so far")


def _asked(release: Release) -> Step | None:
    if release.request == "rollback":
        return Step("rollback", release.step, 0.0, "asked for by a person")
    if release.request == "promote":
        return Step("promote", release.step, 1.0, "asked for by a person")
    return None


STRATEGIES: Backends[type[Strategy]] = Backends(
    "strategy",
    "mlwright.strategies",
    {
        "all_at_once": Backend("mlwright.deploy.strategies:AllAtOnce"),
        "canary": Backend("mlwright.deploy.strategies:Canary"),
    },
)
