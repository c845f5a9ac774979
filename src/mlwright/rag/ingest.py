"""Build an index: only what changed is read and embedded, and the switch is one step at the end.

A version is made beside those that answer. Killed at any line, it changes nothing for them.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from mlwright.core.errors import DataError
from mlwright.core.files import write_json
from mlwright.core.workspace import Workspace
from mlwright.rag import staging
from mlwright.rag.built import Built
from mlwright.rag.changes import Before, Found, look, newest, same_parts
from mlwright.rag.chunk_table import ChunkTable
from mlwright.rag.config import RagConfig
from mlwright.rag.embedding_cache import CachedEmbedder
from mlwright.rag.index import FACTS, index_folder
from mlwright.rag.parts import Making, check_names, open_making
from mlwright.rag.progress import Progress
from mlwright.rag.pruning import prune
from mlwright.rag.publish import publish
from mlwright.rag.reading import read_all
from mlwright.rag.records import Chunk, Document
from mlwright.rag.sources import Skipped, Source

_BATCH = 1024
Say = Callable[[str], None]


def build(
    workspace: Workspace,
    config: RagConfig,
    *,
    making: Making | None = None,
    verify: bool = False,
    say: Say = lambda _: None,
) -> Built:
    """Bring an index to what its documents are now, and make it the champion.

    Args:
        workspace: where the index lives.
        config: what to build; `name` is set.
        making: the parts to build with, by default those of the configuration.
        verify: ask the vector store for its count even where no document changed.
        say: takes a line of progress now and then.

    Raises:
        DataError: there is no document, or the counts at the end do not agree.
        NotFound: the folder of documents is not there.
        UnknownBackend: the configuration names a part that there is not.
        Busy: another build of this index is under way.
    """
    begun = monotonic()
    check_names(config)
    name = config.name or "kb"
    folder = index_folder(workspace, name)
    with workspace.lock(f"index-{name}", f"building the index {name}"):
        before = newest(workspace, name)
        trusted = making is None and not verify and same_parts(config, before)
        if not trusted:
            making = making or open_making(config, workspace, say)
        embedder = making.embedder.name if making and making.embedder else None
        if before and making is None:
            embedder = before.index.embedder
        with tempfile.TemporaryDirectory(prefix="mlwright-") as pages:
            found = look(config, Path(pages), before, embedder)
            embedded = 0
            if before and making is None and found.all_kept(before):
                index_key, table, skipped = _as_before(before, found)
            else:
                making = making or open_making(config, workspace, say)
                build = _Build(folder, config, making, before, found, say)
                index_key, table, skipped = build.run()
                embedded = build.embedded
                embedder = making.embedder.name if making.embedder else None
        version, made = publish(workspace, config, index_key, folder / index_key)
        if before:
            before.index.close()
        pruned = prune(workspace, config, store=making.store if making else None, say=say)
    documents = _documents(table)
    chunks = sum(row["chunks"] for row in documents)
    then = _documents(before.rows.values()) if before else []
    gone = {row["id"] for row in then} - {row["id"] for row in documents}
    return Built(
        name=name,
        version=version,
        documents=len(documents),
        chunks=chunks,
        unchanged=sum(row["id"] in found.kept for row in documents),
        removed=len(gone),
        embedded=embedded,
        reused=chunks - embedded if embedder else 0,
        pruned=pruned,
        skipped=tuple(skipped),
        embedder=embedder,
        made=made,
        seconds=monotonic() - begun,
    )


def _documents(table: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of documents, without those of files that were skipped."""
    return [row for row in table if "skipped" not in row]


_Content = tuple[str, list[dict[str, Any]], list[Skipped]]
"""The key, what is known of each document, and what was skipped."""


def _as_before(before: Before, found: Found) -> _Content:
    rows = list(before.rows.values())
    skipped = [Skipped(row["id"], row["skipped"]) for row in rows if "skipped" in row]
    return before.index.key, rows, [*found.skipped, *skipped]


@dataclass
class _Build:
    """One build, from what was found to a finished folder under the name of its content."""

    folder: Path
    config: RagConfig
    making: Making
    before: Before | None
    found: Found
    say: Say
    skipped: list[Skipped] = field(default_factory=list)
    table: list[dict[str, Any]] = field(default_factory=list)
    embedded: int = 0

    def run(self) -> _Content:
        """Return the content, made where it was not there."""
        self.skipped = list(self.found.skipped)
        if self.before and self._nothing_changed(self.before):
            return _as_before(self.before, self.found)
        stage = staging.begin(self.folder, self.making.store)
        count = ChunkTable.write(stage / "chunks.db", self._chunks())
        if not _documents(self.table):
            raise self._empty()
        key = self._key()
        if self._is_whole(self.folder / key):
            staging.clear(stage, None)
        else:
            self._complete(stage, key, count)
        return key, self.table, self.skipped

    def _nothing_changed(self, before: Before) -> bool:
        facts = before.index.facts
        same = [facts["embedder"], facts["store"]] == [self._embedder(), self._store()]
        return same and self.found.all_kept(before) and self._is_whole(before.index.folder)

    def _is_whole(self, folder: Path) -> bool:
        """Return whether a version is there, and its vectors are still in the store."""
        try:
            facts = json.loads((folder / FACTS).read_text())
        except (OSError, ValueError):
            return False
        store = self.making.store
        return store is None or store.count(facts["collection"]) == facts["chunks"]

    def _chunks(self) -> Iterator[Chunk]:
        """Yield every chunk in the order of the documents, and note of each what it gave."""
        changed = [s for s in self.found.sources if s.id not in self.found.kept]
        progress = Progress("reading", len(changed), "documents", self.say)
        timeout, processes = self.config.documents.timeout, os.cpu_count() or 1
        read = read_all(changed, processes=min(processes, 8), timeout=timeout)
        chunker = self.making.chunker(self.config.chunking)
        row = 0
        for source in self.found.sources:
            entry = {"id": source.id, "fingerprint": self.found.fingerprints[source.id]}
            if source.id in self.found.kept:
                made, about = self._kept(source)
            else:
                _, value = next(read)
                progress.add()
                if isinstance(value, Skipped):
                    self._skip(entry, value)
                    continue
                made, about = _cut(value, chunker)
            self.table.append({**entry, **about, "row": row, "chunks": len(made)})
            row += len(made)
            yield from made

    def _kept(self, source: Source) -> tuple[list[Chunk], dict[str, Any]]:
        assert self.before  # noqa: S101  # nothing is kept from nothing
        row = self.before.rows[source.id]
        if "skipped" in row:
            self.skipped.append(Skipped(source.id, row["skipped"]))
            return [], {"skipped": row["skipped"]}
        chunks = self.before.index.table.of_document(source.id, row["row"], row["chunks"])
        return chunks, {name: row[name] for name in ("source", "title", "metadata")}

    def _skip(self, entry: dict[str, Any], value: Skipped) -> None:
        self.skipped.append(value)
        if value.lasting:
            self.table.append({**entry, "skipped": value.reason, "row": 0, "chunks": 0})

    def _empty(self) -> DataError:
        where = self.config.documents.path or "documents.urls"
        why = "; ".join(f"{s.path}: {s.reason}" for s in self.skipped[:3])
        return DataError(
            f"no document of {where} could be read" + (f": {why}" if why else ""),
            hint="the index stays as it is; give a folder with documents by --documents",
        )

    def _key(self) -> str:
        content = sorted((row["id"], row["fingerprint"]) for row in self.table)
        value = json.dumps([content, self._embedder(), self._store()], sort_keys=True)
        return hashlib.sha256(value.encode()).hexdigest()[:32]

    def _embedder(self) -> str | None:
        return self.making.embedder.name if self.making.embedder else None

    def _store(self) -> list[str | None] | None:
        store = self.config.vector_db
        return [store.type, store.index_name, store.url] if self.making.store else None

    def _complete(self, stage: Path, key: str, count: int) -> None:
        collection = f"{self.config.name}-{key[:12]}"
        table = ChunkTable.open(stage / "chunks.db")
        try:
            if self.making.sparse:
                (stage / "sparse").mkdir()
                self.making.sparse(stage / "sparse", table.all())
            if self.making.store and self.making.embedder:
                self._vectors(stage, collection, table)
        finally:
            table.close()
        self._check(count, collection)
        staging.write_lines(stage / "documents.jsonl", self.table)
        facts = {
            "collection": collection,
            "embedder": self._embedder(),
            "dimension": self.making.embedder.dimension if self.making.embedder else None,
            "store": self._store(),
            "documents": len(_documents(self.table)),
            "chunks": count,
        }
        write_json(stage / FACTS, facts)
        staging.finish(stage, self.folder / key)

    def _vectors(self, stage: Path, collection: str, table: ChunkTable) -> None:
        store, embedder = self.making.store, self.making.embedder
        assert store and embedder  # noqa: S101, PT018  # asked by the caller
        staging.claim(stage, collection, store)
        progress = Progress("embedding", len(table), "chunks", self.say)
        cached = embedder if isinstance(embedder, CachedEmbedder) else None
        asked = cached.asked if cached else 0
        if cached:
            cached.done = progress.add
        for chunks in table.batches(_BATCH):
            vectors = embedder.embed([chunk.embedded for chunk in chunks], "document")
            store.upsert(collection, chunks, vectors)
            if not cached:
                progress.add(len(chunks))
        store.seal(collection)
        self.embedded = cached.asked - asked if cached else len(table)

    def _check(self, count: int, collection: str) -> None:
        """Refuse to switch to a version that lost something on the way.

        Raises:
            DataError: the counts do not agree.
        """
        counts = {"the documents": sum(row["chunks"] for row in self.table), "the table": count}
        if self.making.store:
            counts["the vector store"] = self.making.store.count(collection)
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{where} {number:,}" for where, number in counts.items())
            raise DataError(
                f"the new version was not switched to: its chunks differ in number: {listed}",
                hint="run the command again; the version before answers as it did",
            )


def _cut(value: Document | list[Chunk], chunker: Any) -> tuple[list[Chunk], dict[str, Any]]:
    """Return the chunks of a document, each id once, and what is known of the document."""
    chunks: Iterable[Chunk] = value if isinstance(value, list) else chunker.chunks(value)
    unique = list({chunk.id: chunk for chunk in chunks}.values())
    about = value[0] if isinstance(value, list) else value
    return unique, {
        "source": about.source,
        "title": about.title,
        "metadata": dict(about.metadata),
    }
