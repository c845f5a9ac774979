"""The report of a demo: what happened, and the evidence for each decision."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright.core.files import write_atomic
from mlwright.monitor.sections import sections as check_sections
from mlwright.report import figures
from mlwright.report.page import (
    Cell,
    Figure,
    Items,
    Part,
    Preformatted,
    Section,
    Table,
    Text,
    Tiles,
    render,
)
from mlwright.stats.intervals import Interval

if TYPE_CHECKING:
    from mlwright.deploy.status import Status

    from .steps import Loop
    from .story import Step


def write_report(loop: Loop, steps: Sequence[Step]) -> Path:
    """Write the page into the workspace, and return its path."""
    path = loop.workspace.root / "report.html"
    page = render(
        "One model's whole loop",
        [
            _lead(steps),
            _training(loop),
            *check_sections(loop.calm),
            _change(loop),
            *check_sections(loop.drift),
            _retraining(loop),
            _rollback(loop),
        ],
        subtitle="IBM's telephone customers; the change in production is simulated",
    )
    write_atomic(path, page)
    return path


def _lead(steps: Sequence[Step]) -> Section:
    seconds = sum(step.seconds for step in steps)
    tiles: dict[str, Cell] = {step.name: step.outcome.replace("_", " ") for step in steps}
    return Section(
        "What happened",
        "A model was trained, put into production, watched, replaced by a better one when "
        "customers changed, and a broken version was taken back, all without a person.",
        "good",
        [Tiles({**tiles, "seconds": round(seconds)}), Items([step.said for step in steps])],
    )


def _training(loop: Loop) -> Section:
    trained = loop.trained
    models = {trained.algorithm: trained.metrics["holdout"], **trained.baselines}
    names = ("auc", "f1", "accuracy", "log_loss")
    rows: list[list[Cell]] = [
        [model, *(found.get(name) for name in names)] for model, found in models.items()
    ]
    table = Table(["", *names], rows, caption="Measured once, on customers kept from training.")
    notes = [Items(trained.notices)] if trained.notices else []
    return Section(
        f"Training of {trained.model}:{trained.version}", _gain(trained.gain), parts=[table, *notes]
    )


def _gain(gain: Interval | None) -> str:
    if gain is None:
        return ""
    if gain.low > 0:
        return "Better than the linear baseline, beyond noise."
    return "Against the linear baseline the difference is within noise."


def _change(loop: Loop) -> Section:
    parts: list[Part] = [
        Text(
            "From here on the demo sends other customers: four times as likely to be on a monthly "
            "contract, with prices a tenth higher. "
            + (
                "Monthly customers above a charge of 75 now leave with probability 0.85. "
                if loop.changed_response
                else "Each now leaves with the chance that the model gives, so that it is right. "
            )
            + "All of it is made with a seed."
        )
    ]
    if loop.alert:
        parts.append(Preformatted(loop.alert))
    return Section("A simulated change", "The alert that was sent.", parts=parts)


def _retraining(loop: Loop) -> Section:
    done = loop.retrained
    comparison = done.comparison
    names = [name for name in comparison.champion if name in comparison.challenger]
    rows: list[list[Cell]] = [
        [name, comparison.champion[name], comparison.challenger[name]] for name in names
    ]
    parts: list[Part] = [
        Tiles({"loss saved": comparison.gain, "rows": comparison.gain.n, "outcome": done.outcome}),
        Table(
            [
                "on the newest rows",
                f"{done.model}:{done.champion}",
                f"{done.model}:{done.challenger}",
            ],
            rows,
        ),
        *_evidence(loop.rollout, promotion=True),
    ]
    sentence = comparison.sentence()
    return Section("Retraining", sentence[0].upper() + sentence[1:] + ".", parts=parts)


def _rollback(loop: Loop) -> Section:
    status = loop.rollback
    parts: list[Part] = [*_evidence(status, promotion=False)]
    if status.incident is not None:
        parts.append(Preformatted(status.incident.read_text()))
    return Section("A broken version", status.reason, "good", parts)


def _evidence(status: Status, *, promotion: bool) -> Iterator[Figure]:
    """Draw what the guards of a rollout knew, and when."""
    release = status.release
    for guard in release.evidence.get("guards", []) if release else []:
        history: list[dict[str, Any]] = guard["history"]
        if len(history) < 2:
            continue
        name = "log10_promotion_e" if promotion else "log10_e"
        threshold = guard["promotion_threshold" if promotion else "threshold"]
        question = "no worse than the champion" if promotion else "worse than the champion"
        yield Figure(
            figures.evidence(
                [point["time"] for point in history],
                [point[name] * math.log(10) for point in history],
                alpha=1 / threshold,
                label=f"{guard['guard']}={guard['limit']}: evidence that it is {question}",
            ),
            f"{guard['verdict']} after {guard['candidate']['requests']:,} requests of the new "
            f"version and {guard['champion']['requests']:,} of the old.",
        )
