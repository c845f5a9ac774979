"""`mlwright rag prepare`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, given, json_option
from .output import emit, say, table


@click.command(
    cls=Command, example="mlwright rag prepare docs processed --chunk-size 1000 --chunk-overlap 200"
)
@click.argument("source", required=False, metavar="IN", type=click.Path(path_type=Path))
@click.argument("out", required=False, metavar="OUT", type=click.Path(path_type=Path))
@click.option("--input", "given_source", type=click.Path(path_type=Path), help="The same as IN.")
@click.option("--output", "given_out", type=click.Path(path_type=Path), help="The same as OUT.")
@click.option("--chunk-size", type=int, help="Longest chunk, in characters.  [default: 1000]")
@click.option("--chunk-overlap", type=int, help="Repeated of the one before.  [default: a fifth]")
@click.option("--strategy", help="fixed, recursive or structure.  [default: recursive]")
@click.option("--metadata", help="Fields from the path, like {category}/{year}-{name}.pdf.")
@json_option
def prepare(
    source: Path | None,
    out: Path | None,
    given_source: Path | None,
    given_out: Path | None,
    chunk_size: int | None,
    chunk_overlap: int | None,
    strategy: str | None,
    metadata: str | None,
    as_json: bool,
) -> None:
    """Read PDF, HTML, Markdown, DOCX, CSV and text files, and write their chunks as JSON Lines.

    OUT becomes a folder with chunks.jsonl, which `mlwright rag build --documents OUT` takes, and
    skipped.jsonl with the files that could not be read, and why.
    """
    from mlwright.core.errors import ConfigError
    from mlwright.rag.config import RagConfig, changed
    from mlwright.rag.prepare import prepare as run

    source, out = source or given_source, out or given_out
    if source is None or out is None:
        raise ConfigError("IN and OUT are needed", hint="mlwright rag prepare docs processed")
    config = changed(
        RagConfig(),
        documents=given(path=str(source), metadata=metadata),
        chunking=given(strategy=strategy, size=chunk_size, overlap=chunk_overlap),
    )
    done = run(config.documents, out, chunking=config.chunking, say=say)
    if as_json:
        emit(done.to_json())
        return
    click.echo(
        f"{done.documents:,} documents became {done.chunks:,} chunks in {done.path}, "
        f"in {done.seconds:.1f} s"
    )
    show_skipped([skipped.to_json() for skipped in done.skipped])


def show_skipped(skipped: list[dict[str, str]], most: int = 20) -> None:
    """Print the files that gave nothing, and why."""
    if skipped:
        rows = [[line["path"], line["reason"]] for line in skipped[:most]]
        table(["skipped", "why"], rows)
    if len(skipped) > most:
        click.echo(f"and {len(skipped) - most:,} more")
