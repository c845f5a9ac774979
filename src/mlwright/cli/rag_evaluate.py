"""`mlwright rag evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import Command, find_workspace, json_option, seed_option, workspace_option
from .output import emit, facts, measured, say, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlwright.rag.evaluate import Evaluation
    from mlwright.stats.intervals import Interval


@click.command(
    cls=Command,
    example="mlwright rag evaluate --retrieval-only --test-queries questions.json --k 5",
)
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option(
    "--test-queries",
    "--test-data",
    "questions",
    type=click.Path(path_type=Path),
    help='JSON list of {"query", "relevant", "answer"?, "category"?}, or a BEIR folder.',
)
@click.option(
    "--k", default=5, show_default=True, type=click.IntRange(1, 1000), help="Hits that count."
)
@click.option(
    "--metrics",
    metavar="NAME,NAME",
    help="Of answers: faithfulness, answer_relevancy, context_precision, context_recall, "
    "correctness.  [default: all]",
)
@click.option(
    "--judge", is_flag=True, help="Let the configured language model judge; else local signals do."
)
@click.option(
    "--injections",
    is_flag=True,
    help="Ask each configured model about documents that give orders, and count who obeys.",
)
@click.option(
    "--human-labels",
    "labels",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="How often the judge, or the local signals, agree with people: a JSON list of "
    '{"query", "answer", "contexts", "reference"?, "human": {MEASURE: true}}.',
)
@click.option("--retrieval-only", is_flag=True, help="Measure what is found, not what is answered.")
@click.option(
    "--against",
    metavar="dense|hybrid|sparse|INDEX",
    help="Compare with another strategy, or another index, on the same questions.",
)
@click.option(
    "--name",
    "ref",
    help="Index: NAME, NAME:N or NAME@champion.  [default: CONFIG's, or the only one]",
)
@workspace_option
@seed_option
@json_option
def evaluate(
    config: Path | None,
    questions: Path | None,
    k: int,
    metrics: str | None,
    judge: bool,
    injections: bool,
    labels: Path | None,
    retrieval_only: bool,
    against: str | None,
    ref: str | None,
    folder: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Measure an index on questions whose answers are known, with intervals."""
    from mlwright.rag.evaluating import measure_index
    from mlwright.rag.questions import read_questions

    from .rag_answers import measured_answers, show_answers
    from .rag_options import named_index
    from .rag_trust import measured_agreement, measured_resistance

    workspace = find_workspace(folder)
    if injections:
        measured_resistance(workspace, config=config, ref=ref, as_json=as_json)
        return
    if labels:
        measured_agreement(workspace, labels, config=config, ref=ref, judge=judge, as_json=as_json)
        return
    if questions is None:
        raise click.UsageError("--test-queries FILE is needed, or --injections, or --human-labels")
    asked = read_questions(questions)
    if config is None:
        ref = str(named_index(workspace, ref))
    found = answers = None
    if retrieval_only or any(each.relevant for each in asked):
        found = measure_index(
            workspace, asked, config=config, ref=ref, k=k, against=against, seed=seed, say=say
        )
    if not retrieval_only:
        answers = measured_answers(
            workspace, asked, config=config, ref=ref, k=k, metrics=metrics, judge=judge
        )
    if as_json:
        told: dict[str, Any] = {"queries": len(asked), "metrics": {}}
        if found:
            told = found.to_json()
        if answers:
            more = answers.to_json()
            told = {**told, "metrics": {**told["metrics"], **more["metrics"]}, "answers": more}
        emit(told)
        return
    if found:
        _show(found.index, found.evaluation)
        if found.comparison:
            _show_comparison(found.index, found.against, found.comparison)
    if answers:
        show_answers(answers)


def _show(index: str, found: Evaluation) -> None:
    told = found.to_json()
    each = "sources" if found.by == "source" else "chunks"
    click.echo(f"{index}: {told['queries']} questions, k counts {each}")
    rows = {name: measured(value) for name, value in told["metrics"].items()}
    latency = found.latency_ms
    facts(
        rows
        | {"latency": f"p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms"}
        | {"unmeasured": f"{told['unmeasured']}{_reasons(found)}"}
    )
    if told["categories"]:
        header = ("category", "questions", f"recall@{found.k}", "ndcg@10")
        table(header, [_category_row(name, m, found.k) for name, m in found.categories.items()])
    if found.worst:
        rows_of_worst = [
            (f"{each.score:.3f}", each.query, ", ".join(each.wanted), ", ".join(each.found) or "—")
            for each in found.worst
        ]
        table(("ndcg@10", "worst questions", "wanted", "found instead"), rows_of_worst)


def _reasons(found: Evaluation) -> str:
    listed = ", ".join(f"{count} {reason}" for reason, count in found.unmeasured.items())
    return f" ({listed})" if listed else ""


def _category_row(name: str, metrics: Any, k: int) -> tuple[str, ...]:
    shown = (metrics[f"recall@{k}"], metrics["ndcg@10"])
    texts = (f"{m.value:.3f} [{m.low:.3f}, {m.high:.3f}]" for m in shown)
    return (name, f"{shown[0].n}", *texts)


def _show_comparison(index: str, against: str, comparison: Mapping[str, Interval]) -> None:
    rows = []
    for name, gap in comparison.items():
        verdict = "better" if gap.low > 0 else "worse" if gap.high < 0 else "within noise"
        rows.append((name, f"{gap.value:+.4f}", f"[{gap.low:+.4f}, {gap.high:+.4f}]", verdict))
    table(("measure", "difference", "95% interval", ""), rows, title=f"{index} against {against}")
