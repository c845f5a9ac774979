"""Strategies: how traffic moves to a new version, decided from evidence alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from mlwright.core.backends import Backend, Backends

from .releases import Release
from .seen import Observations

Action = Literal["wait", "shift", "promote", "rollback"]
TRIED: tuple[str, ...] = ("shadow", "ab")
"""Strategies that wait for a person once they have begun: what they end with is a report."""


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
        if first := _asked(release) or _against(release, observations) or _begin(release):
            return first
        shares, step = _shares(release), release.step
        way = min((guard.way for guard in observations.guards), default=0.0)
        if way < (step + 1) / len(shares) - 1e-12:
            return _wait(release, observations)
        if step + 1 == len(shares):
            return Step("promote", step, 1.0, "no worse than the champion on every guard")
        return _on(release, "no worse so far")


class BlueGreen:
    """The new version stands ready beside the old, and everything is switched to it at once.

    With a canary percentage it has that share first, until it is proved no worse.
    """

    def next_step(self, release: Release, observations: Observations) -> Step:
        """Switch, or do as a canary does before the switch."""
        if not _shares(release):
            return _asked(release) or Step("promote", release.step, 1.0, "passed its tests")
        return Canary().next_step(release, observations)


class Linear:
    """The share grows by equal steps at equal times; the last step needs the proof of a canary."""

    def next_step(self, release: Release, observations: Observations) -> Step:
        """Return the step that a person asked for, else the one that time and evidence give."""
        if first := _asked(release) or _against(release, observations) or _begin(release):
            return first
        if release.step + 1 < len(_shares(release)):
            if observations.at_step < release.options["interval"]:
                return _wait(release, observations)
            return _on(release, "no guard objects")
        if min((guard.way for guard in observations.guards), default=0.0) >= 1:
            reason = "no worse than the champion on every guard"
            return Step("promote", release.step, 1.0, reason)
        return _wait(release, observations)


class Rolling:
    """The new version takes over the share of one worker after the other.

    It waits for no proof: a guard that objects takes it back, and what is not seen in that time is
    not known. For a proof, choose a canary.
    """

    def next_step(self, release: Release, observations: Observations) -> Step:
        """Go on after each interval, unless a guard or a person objects."""
        if not _shares(release):
            return _asked(release) or Step("promote", release.step, 1.0, "passed its tests")
        if first := _asked(release) or _against(release, observations) or _begin(release):
            return first
        if observations.at_step < release.options["interval"]:
            return _wait(release, observations)
        if release.step + 1 < len(_shares(release)):
            return _on(release, "no guard objects")
        return Step("promote", release.step, 1.0, "no guard objected")


class Shadow:
    """The new version gets copies of the requests; what it answers is compared, and thrown away."""

    def next_step(self, release: Release, observations: Observations) -> Step:
        """Begin, and then wait for a person."""
        if asked := _asked(release):
            return asked
        if release.state != "rolling":
            return Step("shift", 0, 0.0, "copies of all traffic, and answers nobody")
        return Step("wait", 0, 0.0, "compared until a person promotes it or takes it back")


class Ab:
    """Two versions have fixed shares until a person ends the experiment; guards may end it before.

    Nothing is promoted by itself: what is better is decided by the metrics of the experiment.
    """

    def next_step(self, release: Release, observations: Observations) -> Step:
        """Begin, and wait for a person, or for a guard that objects."""
        if first := _asked(release) or _against(release, observations) or _begin(release):
            return first
        return Step("wait", 0, release.weight, "compared until the experiment is ended")


def _asked(release: Release) -> Step | None:
    if release.request == "rollback":
        return Step("rollback", release.step, 0.0, "asked for by a person")
    if release.request == "promote":
        return Step("promote", release.step, 1.0, "asked for by a person")
    return None


def _against(release: Release, observations: Observations) -> Step | None:
    if worse := [guard.verdict for guard in observations.guards if guard.worse]:
        return Step("rollback", release.step, 0.0, "; ".join(worse))
    if observations.split.mismatch:
        split = observations.split
        reason = (
            f"sample-ratio mismatch: {split.candidate:,} of {split.units:,} units reached the "
            f"candidate where {split.expected:,.0f} were to: nothing can be concluded"
        )
        return Step("rollback", release.step, 0.0, reason)
    return None


def _begin(release: Release) -> Step | None:
    if release.state == "rolling":
        return None
    share = _shares(release)[0]
    return Step("shift", 0, share, f"{share:.0%} of traffic to try it")


def _on(release: Release, why: str) -> Step:
    share = _shares(release)[release.step + 1]
    return Step("shift", release.step + 1, share, f"{share:.0%} of traffic: {why}")


def _wait(release: Release, observations: Observations) -> Step:
    missing = observations.needs.text
    reason = f"not enough data: {missing}" if missing else "not enough data"
    return Step("wait", release.step, release.weight, reason)


def _shares(release: Release) -> list[float]:
    return [step / 100 for step in release.options["steps"] if step < 100]


_HERE = "mlwright.deploy.strategies"
STRATEGIES: Backends[type[Strategy]] = Backends(
    "strategy",
    "mlwright.strategies",
    {
        "ab": Backend(f"{_HERE}:Ab"),
        "all_at_once": Backend(f"{_HERE}:AllAtOnce"),
        "blue_green": Backend(f"{_HERE}:BlueGreen"),
        "canary": Backend(f"{_HERE}:Canary"),
        "linear": Backend(f"{_HERE}:Linear"),
        "rolling": Backend(f"{_HERE}:Rolling"),
        "shadow": Backend(f"{_HERE}:Shadow"),
    },
)
