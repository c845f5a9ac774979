"""`mlwright rag query`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, table
from .rag_options import index_option, named_index

if TYPE_CHECKING:
    from mlwright.rag.records import Answer


@click.command("query", cls=Command, example="mlwright rag query --query refunds")
@click.option("-q", "--query", "question", required=True, help="What to ask.")
@index_option
@click.option("-k", "--k", type=click.IntRange(1, 100), help="How many chunks to find.")
@click.option("--where", metavar="FILTER", help="Such as: year >= 2020 and lang = 'en'.")
@click.option(
    "--retrieval-only", is_flag=True, help="Show what is found, and write no answer from it."
)
@workspace_option
@json_option
def query(
    question: str,
    index: str | None,
    k: int | None,
    where: str | None,
    retrieval_only: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Ask one question: the answer with its citations, and the chunks that were found."""
    from mlwright.core.errors import DataError
    from mlwright.rag.answer import Question
    from mlwright.rag.hosting import open_answerer
    from mlwright.rag.shown import shown

    if not question.strip():
        raise DataError("--query asks nothing", hint='mlwright rag query -q "What is …?"')
    workspace = find_workspace(folder)
    opened = named_index(workspace, index)
    answerer = open_answerer(workspace, opened)
    asked = Question(question.strip(), k or opened.config.retrieval.k, where)
    if retrieval_only:
        _show_hits(answerer.retrieved(asked), as_json)
        return
    answer = answerer.ask(asked)
    if as_json:
        emit({**shown(answer), "index": str(opened)})
        return
    _show(answer)


def _show_hits(answer: Answer, as_json: bool) -> None:
    from mlwright.rag.shown import shown

    if as_json:
        found = shown(answer)
        emit({name: found[name] for name in ("hits", "timings_ms")})
    else:
        _table(answer)


def _show(answer: Answer) -> None:
    click.echo(answer.text)
    if answer.citations:
        click.echo("\nCitations")
    for each in answer.citations:
        page = "" if each.page is None else f", page {each.page}"
        words = " ".join(each.text.split())
        quoted = words if len(words) <= 160 else words[:159] + "…"
        click.echo(f"  [{each.number}] {each.source}{page}: “{quoted}”")
    if answer.removed_citations:
        click.echo(f"  removed, as no source bears them out: {answer.removed_citations}")
    click.echo()
    _table(answer)
    click.echo(_footer(answer))


def _table(answer: Answer) -> None:
    rows: list[list[Any]] = []
    for hit in answer.hits:
        scores = " ".join(f"{name} {score:.3f}" for name, score in hit.scores.items())
        page = "" if hit.chunk.page is None else hit.chunk.page
        start = " ".join(hit.chunk.text.split())[:70]
        rows.append([hit.rank, f"{hit.score:.4f}", hit.chunk.source, page, scores, start])
    table(["", "score", "source", "page", "by", "text"], rows)


def _footer(answer: Answer) -> str:
    by = {
        "extractive": "sentences of the documents, no language model",
        "unknown": "the evidence is too weak",
        "llm": f"{answer.provider} {answer.model}",
    }[answer.kind]
    cost = "cost unknown" if answer.cost is None else f"${answer.cost:.4f}"
    return f"{by} · {answer.timings_ms['total']:.0f} ms · {cost}"
