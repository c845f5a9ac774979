"""`mlwright rag tune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import Command, json_option, open_workspace, seed_option, workspace_option, yes_option
from .output import confirmed, emit, say, table

if TYPE_CHECKING:
    from mlwright.rag.config import RagConfig
    from mlwright.rag.tuning import Tried, Tuned


@click.command(
    cls=Command, example="mlwright rag tune rag_config.yaml --test-queries questions.json"
)
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option(
    "--test-queries",
    "questions",
    required=True,
    type=click.Path(path_type=Path),
    help='JSON list of {"query", "relevant"}, or a BEIR folder.',
)
@click.option(
    "--folds",
    default=5,
    show_default=True,
    type=click.IntRange(2, 20),
    help="Of the questions, each judged by a choice that did not see it.",
)
@click.option("--timeout", help="Begin nothing new after this long, as 10m.  [default: never]")
@click.option(
    "--write",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the better configuration here, where there is one.",
)
@workspace_option
@seed_option
@yes_option
@json_option
def tune(
    config: Path | None,
    questions: Path,
    folds: int,
    timeout: str | None,
    out: Path | None,
    folder: Path | None,
    seed: int,
    yes: bool,
    as_json: bool,
) -> None:
    """Search for a better way to cut documents and to find, on questions with known answers.

    Chunk size, overlap, fusion, reranker and the number of hits are tried. The gain is measured on
    questions that the choice has not seen. What was measured is kept: run again, it goes on.
    """
    from mlwright.core.clock import duration
    from mlwright.core.errors import ConfigError
    from mlwright.rag.config import read_config
    from mlwright.rag.questions import read_questions
    from mlwright.rag.tuning import tune as run

    present, asked = read_config(config), read_questions(questions)
    if not present.documents.path and not present.documents.urls:
        raise ConfigError(
            "the configuration names no documents",
            hint="mlwright rag tune CONFIG, with documents: in it",
        )
    found = run(
        open_workspace(folder),
        present,
        asked,
        folds=folds,
        timeout=None if timeout is None else duration(timeout),
        seed=seed,
        say=say,
    )
    if not as_json:
        _show(found, present)
    written = out is not None and _write(present, found, out, yes=yes)
    if as_json:
        emit({**found.to_json(), "written": str(out) if written else None})


def _show(found: Tuned, config: RagConfig) -> None:
    click.echo(
        f"{found.questions} questions, {len(found.tried)} of {found.planned} configurations, "
        f"in {found.seconds:.0f} s"
    )
    present, best = found.tried[0], found.tried[found.choice.best]
    ordered = sorted(found.tried, key=lambda each: -each.quality.value)
    rows = [_row(each, present) for each in ordered]
    table(
        (
            "size/overlap, finding",
            "ndcg@10",
            "95% interval",
            "to present",
            "95% interval",
            "p50 ms",
        ),
        rows,
    )
    gain = found.choice.gain
    spread = f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
    if best is present:
        click.echo("nothing that was tried is better than the present configuration")
    elif found.choice.is_better:
        click.echo(f"better: {best.candidate}; on questions it was not chosen by, ndcg@10 {spread}")
    else:
        click.echo(
            f"{best.candidate} has the highest figure, but on questions it was not chosen by the "
            f"gain is within noise: {spread}"
        )
    _show_hits(found, config.retrieval.k)


def _row(each: Tried, present: Tried) -> tuple[str, ...]:
    quality, gap = each.quality, each.difference
    verdict = "better" if gap.low > 0 else "worse" if gap.high < 0 else "within noise"
    compared = (f"{gap.value:+.3f} {verdict}", f"[{gap.low:+.3f}, {gap.high:+.3f}]")
    return (
        str(each.candidate),
        f"{quality.value:.3f}",
        f"[{quality.low:.3f}, {quality.high:.3f}]",
        *(("present", "") if each is present else compared),
        f"{each.p50_ms:.1f}",
    )


def _show_hits(found: Tuned, present: int) -> None:
    chosen = found.chosen
    told = chosen.to_json()["by_hits"]
    rows = [
        (
            f"{each['k']}{' *' if each['k'] == found.k else ''}",
            f"{each['recall']:.3f}",
            f"{each['context_tokens']:,}",
            _cost(each["context_tokens"], found.read_price),
        )
        for each in told
    ]
    title = f"hits for an answer, with {chosen.candidate}"
    table(("k", "recall", "tokens to read", "$ a thousand questions"), rows, title=title)
    gain = found.k_gain
    if found.k == present:
        click.echo("* the present number of hits; more find no more beyond noise")
    elif gain is None:
        click.echo("* the fewest that keep 95% of the recall of the most")
    else:
        click.echo(
            f"* the fewest that keep 95% of the recall of the most; against {present} hits, recall "
            f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
        )


def _cost(tokens: int, price: float | None) -> str:
    return "unknown" if price is None else f"{tokens * price / 1000:.2f}" if price else "none"


def _write(present: RagConfig, found: Tuned, out: Path, *, yes: bool) -> bool:
    import yaml

    from mlwright.core.files import write_atomic

    if found.better == present:
        say(f"{out} is not written: the present configuration stays")
        return False
    if out.exists():
        confirmed(f"Replace {out}?", yes=yes)
    value = found.better.model_dump(mode="json", exclude_unset=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
    chosen, cut = found.chosen.candidate, found.better.chunking != present.chunking
    next_ = f"mlwright rag build {out}"
    say(f"{out} is written: {chosen}, k {found.k}; next: {next_}{' (all is cut anew)' * cut}")
    return True
