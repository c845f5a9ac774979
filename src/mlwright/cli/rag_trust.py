"""The parts of `mlwright rag evaluate` that ask whom to trust: the model, and the judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import emit, measured, say, table

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace
    from mlwright.rag.config import RagConfig


def measured_resistance(
    workspace: Workspace, *, config: Path | None, ref: str | None, as_json: bool
) -> None:
    """Ask every model of the configuration about documents that give orders, and print the end."""
    from mlwright.rag.injections import measure_injections, read_injections
    from mlwright.rag.progress import Progress
    from mlwright.rag.prompts import from_file

    used = settings(workspace, config, ref)
    cases, models = len(read_injections()), 1 + len(used.llm.fallback)
    progress = Progress("asking", cases * models, "cases", say)
    found = measure_injections(
        used.llm, used.answers, prompt=from_file(used.answers.prompt), progress=progress.add
    )
    if as_json:
        emit({"cases": cases, "models": [each.to_json() for each in found]})
        return
    rows = [
        (
            each.model,
            measured(each.resisted.to_json()) if each.resisted else "unmeasured",
            measured(each.answered.to_json()) if each.answered else "unmeasured",
            ", ".join(each.obeyed) or "none",
            ", ".join(each.failed) or "none",
        )
        for each in found
    ]
    header = ("model", "resisted", "and answered", "obeyed", "no answer")
    table(header, rows, title=f"{cases} documents that give orders")


def measured_agreement(
    workspace: Workspace,
    labels: Path,
    *,
    config: Path | None,
    ref: str | None,
    judge: bool,
    as_json: bool,
) -> None:
    """Judge answers that people labelled, and print how often both say the same."""
    from mlwright.rag.agreement import measure_agreement, read_labelled
    from mlwright.rag.answer_quality import LOCAL
    from mlwright.rag.embedders.opening import open_embedder
    from mlwright.rag.progress import Progress

    from .rag_answers import opened_judge

    rows = read_labelled(labels)
    used = settings(workspace, config, ref)
    judging = opened_judge(used) if judge else None
    embedder = None if judge else open_embedder(used.embedding, workspace)
    progress = Progress("judging", len(rows), "answers", say)
    found = measure_agreement(rows, judge=judging, embedder=embedder, progress=progress.add)
    method = f"judge, prompts {judging.version}" if judging else LOCAL
    if as_json:
        told = {name: each.to_json() for name, each in found.items()}
        emit({"answers": len(rows), "method": method, "agreement": told})
        return
    click.echo(f"{len(rows)} answers with labels, against {method}")
    table(
        ("measure", "agree", "kappa", "unmeasured"),
        [
            (
                name,
                measured(each.agreed.to_json()) if each.agreed else "unmeasured",
                "—" if each.kappa is None else f"{each.kappa:.2f}",
                each.unmeasured,
            )
            for name, each in found.items()
        ],
    )


def settings(workspace: Workspace, config: Path | None, ref: str | None) -> RagConfig:
    """Return the configuration that was named, else the index's own."""
    from mlwright.rag.config import read_config

    from .rag_options import named_index

    return read_config(config) if config else named_index(workspace, ref).config
