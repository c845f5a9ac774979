"""The demo as a whole: its steps in their order, what is said of them, and how each should end."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlwright.core.errors import GateFailed
from mlwright.core.workspace import Workspace
from mlwright.deploy import release

from .steps import ACTIONS, Loop

Say = Callable[[str], None]

_GAP = " " * 12

EXPECTED = {"drift": "drift_found", "retrain": "promoted", "rollback": "rolled_back"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it went: its outcome, and what happened in words."""

    name: str
    outcome: str
    seconds: float
    said: str
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the step as a JSON object."""
        return {
            "name": self.name,
            "outcome": self.outcome,
            "seconds": round(self.seconds, 2),
            "said": self.said,
            **self.facts,
        }


@dataclass(frozen=True, slots=True)
class Demo:
    """The whole run."""

    steps: tuple[Step, ...]
    report: Path

    def to_json(self) -> dict[str, Any]:
        """Return the run as a JSON object."""
        return {"steps": [step.to_json() for step in self.steps], "report": str(self.report)}

    def summary(self) -> str:
        """Say what happened, in words for whoever answers for the service."""
        said = "\n".join(
            textwrap.fill(
                step.said, 100, initial_indent=f"  {step.name:<9} ", subsequent_indent=_GAP
            )
            for step in self.steps
        )
        seconds = sum(step.seconds for step in self.steps)
        return f"\nWhat happened, in {seconds:.0f} seconds:\n\n{said}\n\nReport: {self.report}"


def run(folder: Path, *, changed_response: bool = True, say: Say = lambda _: None) -> Demo:
    """Run the whole loop once in this folder, and leave nothing running.

    Args:
        folder: the workspace; made when it is not there. A second run goes on from the first.
        changed_response: whether customers also react differently after the shift. Without it
            the inputs move, every customer does as the model expects, and the champion should stay.
        say: called with a line for every step.

    Raises:
        Busy: another demo runs in this folder.
        GateFailed: a step ended otherwise than it should; the report is written all the same.
    """
    loop = Loop(folder, changed_response)
    loop.workspace = Workspace.create(folder)
    with loop.workspace.lock("demo", "mlwright demo"):
        release.stop_all(loop.workspace)  # what an earlier demo left when it was killed
        try:
            steps = _tell(loop, say)
        finally:
            release.stop_all(loop.workspace)
    report = loop.workspace.root / "report.html"
    expected = {**EXPECTED, **({} if changed_response else {"retrain": "champion_stays"})}
    for step in steps:
        if step.outcome != expected.get(step.name, "ok"):
            raise GateFailed(
                f"the step {step.name} ended in {step.outcome}: {step.said}", hint=f"see {report}"
            )
    return Demo(tuple(steps), report)


def _tell(loop: Loop, say: Say) -> list[Step]:
    from .page import write_report

    steps: list[Step] = []
    for number, (name, action) in enumerate(ACTIONS.items(), start=1):
        say(f"{number}/{len(ACTIONS) + 1} {name} …")
        began = time.monotonic()
        told = action(loop)
        steps.append(Step(name, told.outcome, time.monotonic() - began, told.said, told.facts))
        say(f"    {told.said} ({steps[-1].seconds:.1f} s)")
    say(f"{len(ACTIONS) + 1}/{len(ACTIONS) + 1} report …")
    began = time.monotonic()
    release.stop_all(loop.workspace)
    path = write_report(loop, steps)
    said = "This is written up in one page; everything is stopped."
    steps.append(Step("report", "ok", time.monotonic() - began, said, {"path": str(path)}))
    say(f"    {said}")
    return steps
