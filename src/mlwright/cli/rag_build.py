"""`mlwright rag build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import Command, given, json_option, open_workspace, workspace_option
from .output import emit, say
from .rag_prepare import show_skipped

if TYPE_CHECKING:
    from mlwright.rag.built import Built
    from mlwright.rag.config import RagConfig


@click.command(cls=Command, example="mlwright rag build rag_config.yaml --documents docs")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option(
    "--documents",
    type=click.Path(path_type=Path),
    help="Folder or file: documents, what `rag prepare` wrote, or BEIR's corpus.jsonl.",
)
@click.option("--vector-db", help="Store: lancedb, faiss, chroma, pinecone, weaviate or memory.")
@click.option("--embedding-model", help="Model that turns text into vectors.")
@click.option("--llm-provider", help="Who writes answers: extractive, openai, anthropic, …")
@click.option("--name", help="What the index is called.  [default: the folder of CONFIG]")
@click.option("--verify", is_flag=True, help="Ask the store for its count, changed or not.")
@workspace_option
@json_option
def build(
    config: Path | None,
    documents: Path | None,
    vector_db: str | None,
    embedding_model: str | None,
    llm_provider: str | None,
    name: str | None,
    verify: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Build an index, or bring it to what its documents are now, and make it the champion.

    Only what changed is read and embedded. CONFIG may be left out: the `rag:` part of
    mlwright.yaml is read, or the defaults stand.
    """
    from mlwright.core.errors import ConfigError
    from mlwright.core.settings import FILE
    from mlwright.rag.config import changed, read_config
    from mlwright.rag.ingest import build as run
    from mlwright.rag.phrasings import unphrased

    wanted = changed(
        read_config(config),
        documents=given(path=str(documents.resolve()) if documents else None),
        vector_db=given(type=vector_db),
        embedding=given(model=embedding_model),
        llm=given(provider=llm_provider),
    )
    if name:
        wanted = wanted.model_copy(update={"name": name})
    if wanted.retrieval.phrasings and not wanted.llm.models:
        raise unphrased(str(config or FILE))
    if not wanted.documents.path and not wanted.documents.urls:
        raise ConfigError(
            "no documents are given", hint="--documents FOLDER, or documents: in CONFIG"
        )
    built = run(open_workspace(folder), wanted, verify=verify, say=say)
    if as_json:
        emit(built.to_json())
        return
    _show(built, wanted)


def _show(built: Built, config: RagConfig) -> None:
    state = "is the champion" if built.made else "is unchanged"
    click.echo(
        f"{built.name}:{built.version} {state}: {built.documents:,} documents "
        f"({built.unchanged:,} unchanged, {built.removed:,} removed), in {built.seconds:.1f} s"
    )
    how = "found by words alone"
    if built.embedder:
        how = f"{built.embedded:,} embedded now by {built.embedder}, {built.reused:,} as before"
    click.echo(f"{built.chunks:,} chunks: {how}")
    if built.pruned:
        listed = ", ".join(f"{built.name}:{number}" for number in built.pruned)
        click.echo(f"no longer needed, and removed: {listed}")
    show_skipped([skipped.to_json() for skipped in built.skipped])
    click.echo(f"next: mlwright rag query --name {config.name} --query 'YOUR QUESTION'")
