"""Documents to chunks in a file of JSON Lines, which `rag build --documents` takes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from mlwright.core.errors import ConfigError, DataError
from mlwright.rag.chunkers import open_chunker
from mlwright.rag.config import Chunking, Documents
from mlwright.rag.fetching import fetched
from mlwright.rag.progress import Progress
from mlwright.rag.reading import read_all
from mlwright.rag.sources import PREPARED, Skipped, Source, find_sources
from mlwright.rag.staging import write_lines

SKIPPED = "skipped.jsonl"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was read and written."""

    path: Path
    documents: int
    chunks: int
    skipped: tuple[Skipped, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `rag prepare --json` prints."""
        return {
            "output": str(self.path),
            "documents": self.documents,
            "chunks": self.chunks,
            "skipped": [skipped.to_json() for skipped in self.skipped],
            "seconds": round(self.seconds, 3),
        }


def prepare(
    documents: Documents,
    out: Path,
    *,
    chunking: Chunking | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Prepared:
    """Read, clean and cut documents, and write `chunks.jsonl` and `skipped.jsonl` into a folder.

    Both files are replaced at the end, whole. A bad file is listed, and never stops the others.

    Raises:
        ConfigError: the output lies among the documents.
        NotFound: there are no documents at the path.
        DataError: none of them could be read.
    """
    begun = monotonic()
    _check_apart(documents.path, out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".new-") as made:
        work = _Work(documents, chunking or Chunking(), Path(made), say)
        work.run()
        for name in (PREPARED, SKIPPED):
            (Path(made) / name).replace(out / name)
    skipped = tuple(work.skipped)
    return Prepared(out / PREPARED, work.documents, work.chunks, skipped, monotonic() - begun)


class _Work:
    def __init__(
        self, wanted: Documents, chunking: Chunking, folder: Path, say: Callable[[str], None]
    ) -> None:
        self.wanted, self.chunking, self.folder, self.say = wanted, chunking, folder, say
        self.skipped: list[Skipped] = []
        self.documents = self.chunks = 0

    def run(self) -> None:
        write_lines(self.folder / PREPARED, self._lines())
        if not self.documents:
            why = "; ".join(f"{s.path}: {s.reason}" for s in self.skipped[:3])
            raise DataError(
                f"no document of {self.wanted.path} could be read" + (f": {why}" if why else ""),
                hint="give a folder with PDF, HTML, Markdown, DOCX, CSV or text files",
            )
        write_lines(self.folder / SKIPPED, (skipped.to_json() for skipped in self.skipped))

    def _lines(self) -> Any:
        sources = self._sources()
        progress = Progress("reading", len(sources), "documents", self.say)
        chunker = open_chunker(self.chunking, None)
        processes = min(os.cpu_count() or 1, 8)
        for _, value in read_all(sources, processes=processes, timeout=self.wanted.timeout):
            progress.add()
            if isinstance(value, Skipped):
                self.skipped.append(value)
                continue
            self.documents += 1
            for chunk in value if isinstance(value, list) else chunker.chunks(value):
                self.chunks += 1
                yield chunk.to_json()

    def _sources(self) -> list[Source]:
        found = [*find_sources(self.wanted), *fetched(self.wanted, self.folder)]
        self.skipped += [source for source in found if isinstance(source, Skipped)]
        return [source for source in found if isinstance(source, Source)]


def _check_apart(source: Path | None, out: Path) -> None:
    if source and source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise ConfigError(
            f"the output {out} lies in {source}, and would be read as documents",
            hint="give a folder beside it",
        )
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file", hint=f"give a folder, for {PREPARED} and {SKIPPED}")
