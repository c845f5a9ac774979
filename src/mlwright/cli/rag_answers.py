"""The part of `mlwright rag evaluate` that measures answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import facts, measured, say

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace
    from mlwright.rag.answer_quality import AnswerQuality
    from mlwright.rag.config import RagConfig
    from mlwright.rag.judge import Judge
    from mlwright.rag.questions import TestQuestion


def measured_answers(
    workspace: Workspace,
    questions: Sequence[TestQuestion],
    *,
    config: Path | None,
    ref: str | None,
    k: int,
    metrics: str | None,
    judge: bool,
) -> AnswerQuality:
    """Ask every question and measure the answers."""
    from mlwright.rag.answer_quality import checked_measures, measure_answers
    from mlwright.rag.config import read_config
    from mlwright.rag.hosting import open_answerer
    from mlwright.rag.index import Index
    from mlwright.rag.progress import Progress

    wanted = checked_measures([name.strip() for name in metrics.split(",")] if metrics else [])
    said = read_config(config)
    index = Index.open(workspace, ref or said.name or "kb")
    used = said if config else index.config
    judging = opened_judge(used) if judge else None
    answerer = open_answerer(workspace, index, used)
    progress = Progress(f"answering from {index}", len(questions), "questions", say)
    return measure_answers(
        answerer,
        questions,
        measures=wanted,
        k=k,
        judge=judging,
        embedder=answerer.embedder,
        progress=lambda _: progress.add(),
    )


def opened_judge(used: RagConfig) -> Judge:
    """Return the configuration's language model as a judge."""
    from mlwright.core.errors import ConfigError
    from mlwright.rag.config_answers import EXTRACTIVE
    from mlwright.rag.judge import Judge
    from mlwright.rag.llms.chain import Chain

    if used.llm.provider == EXTRACTIVE:
        raise ConfigError(
            "--judge needs a language model, and the configuration names none",
            hint="llm: {provider: openai, model: gpt-4o-mini}; without --judge, local signals are",
        )
    return Judge(Chain.of(used.llm))


def show_answers(found: AnswerQuality) -> None:
    """Print how good the answers are."""
    told = found.to_json()
    click.echo(f"answers, by {found.method}")
    rows = {name: measured(value) for name, value in told["metrics"].items()}
    for name, why in found.unmeasured.items():
        listed = ", ".join(f"{count} {reason}" for reason, count in why.items())
        rows[f"{name}, unmeasured"] = listed
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.kinds.items()))
    cost = "unknown" if found.cost is None else f"${found.cost:.4f}"
    facts({**rows, "kinds": kinds, "references removed": found.removed_citations, "cost": cost})
    if found.suggested_minimum is not None:
        click.echo(
            f"95% of these questions have evidence of {found.suggested_minimum:g} or more: "
            f"answers.minimum_evidence, if all of them can be answered"
        )
