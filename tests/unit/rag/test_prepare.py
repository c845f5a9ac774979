"""Documents become chunks in a file, which a build takes as they are."""

from __future__ import annotations

import json

import pytest

from mlwright.core.errors import ConfigError, DataError
from mlwright.rag.config import Chunking, Documents, RagConfig
from mlwright.rag.index import Index
from mlwright.rag.ingest import build
from mlwright.rag.prepare import prepare
from mlwright.rag.records import Chunk


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_prepared_is_what_is_built(tmp_path, docs, workspace, making):
    (docs / "bad.pdf.exe").write_bytes(b"x")
    out = tmp_path / "out"
    done = prepare(Documents(path=docs), out, chunking=Chunking(size=40, overlap=8))
    chunks = [Chunk.from_json(line) for line in lines(out / "chunks.jsonl")]
    assert (done.documents, done.chunks, len(done.skipped)) == (3, len(chunks), 1)
    assert lines(out / "skipped.jsonl") == [
        {"path": "bad.pdf.exe", "reason": "no loader reads .exe"}
    ]
    assert {chunk.source for chunk in chunks} == {"a.md", "b.txt", "hr/leave.md"}
    config = RagConfig(name="kb", documents=Documents(path=out))
    built = build(workspace, config, making=making)
    assert (built.documents, built.chunks) == (3, len(chunks))
    assert list(Index.open(workspace, "kb").chunks()) == chunks
    (docs / "b.txt").write_text("Other text.")
    prepare(Documents(path=docs), out, chunking=Chunking(size=40, overlap=8))
    assert build(workspace, config, making=making).unchanged == 2


def test_the_output_may_not_lie_among_the_documents(docs):
    with pytest.raises(ConfigError, match="would be read as documents"):
        prepare(Documents(path=docs), docs / "out")


def test_nothing_readable_leaves_the_old_output(tmp_path, docs):
    prepare(Documents(path=docs), tmp_path / "out")
    before = (tmp_path / "out" / "chunks.jsonl").read_text()
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "x.bin").write_text("x")
    with pytest.raises(DataError) as caught:
        prepare(Documents(path=tmp_path / "none"), tmp_path / "out")
    assert str(caught.value) == (
        f"no document of {tmp_path / 'none'} could be read: x.bin: no loader reads .bin"
    )
    assert (tmp_path / "out" / "chunks.jsonl").read_text() == before
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "chunks.jsonl",
        "skipped.jsonl",
    ]
