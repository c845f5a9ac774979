"""A build embeds only what changed, switches in one step, and survives being stopped."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlwright.cli.main import main
from mlwright.core.errors import BundleError, Busy, DataError, NotFound
from mlwright.rag.config import Documents, RagConfig
from mlwright.rag.embedding_cache import CachedEmbedder
from mlwright.rag.index import Index, index_folder
from mlwright.rag.ingest import build
from mlwright.testing.target import sample_bundle
from mlwright.track import models


def config(docs, **more) -> RagConfig:
    return RagConfig(name="kb", documents=Documents(path=docs), **more)


def texts(index: Index) -> dict[str, str]:
    return {chunk.source: chunk.text for chunk in index.chunks()}


def test_the_first_build_is_whole(workspace, docs, making):
    built = build(workspace, config(docs), making=making)
    assert (built.version, built.documents, built.chunks, built.unchanged) == (1, 3, 3, 0)
    index = Index.open(workspace, "kb")
    assert (str(index), index.embedder) == ("kb:1", "words@1")
    assert [row["id"] for row in index.documents()] == ["a.md", "b.txt", "hr/leave.md"]
    assert texts(index)["b.txt"] == "Plain text about shipping and its price."
    assert making.store.count(index.collection) == 3
    assert (index.sparse / "texts").read_text().split() == [chunk.id for chunk in index.chunks()]
    chunk = next(index.chunks())
    assert index.get([chunk.id, "unknown"]) == [chunk] == index.at([0]) == index.neighbours(chunk)
    assert chunk.headings == ("Refunds",)
    assert "{fence}" in index.prompt


def test_what_asks_for_a_model_of_rows_is_told_what_it_is(workspace, docs, making, capsys):
    build(workspace, config(docs), making=making)
    here = ["--workspace", str(workspace.root)]
    assert main(["models", "show", "kb", "--json", *here]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["documents"], shown["chunks"], shown["embedder"]) == (3, 3, "words@1")
    assert main(["models", "card", "kb", *here]) == 2
    assert capsys.readouterr().err == (
        "error: kb is an index of documents, and has no card\n"
        "hint: mlwright rag query --name kb asks it a question\n"
    )


def test_only_what_changed_is_embedded(workspace, docs, making):
    model = making.embedder
    cached = CachedEmbedder(model, workspace.folder / "embeddings.db")
    making = replace(making, embedder=cached)
    build(workspace, config(docs), making=making)
    model.asked.clear()
    (docs / "b.txt").write_text("New text.")
    (docs / "c.txt").write_text("One more.")
    (docs / "a.md").unlink()
    built = build(workspace, config(docs), making=making)
    assert (built.version, built.documents, built.unchanged, built.removed) == (2, 3, 1, 1)
    assert sorted(model.asked) == ["b\nNew text.", "c\nOne more."]
    cached.close()
    index = Index.open(workspace, "kb")
    assert sorted(texts(index)) == ["b.txt", "c.txt", "hr/leave.md"]
    assert texts(index)["b.txt"] == "New text."
    assert texts(Index.open(workspace, "kb:1"))["b.txt"].startswith("Plain text")


def test_nothing_changed_makes_nothing(workspace, docs, making, monkeypatch):
    build(workspace, config(docs), making=making)
    making.embedder.asked.clear()
    monkeypatch.setattr("mlwright.rag.ingest.read_all", None)  # nothing is read
    built = build(workspace, config(docs), making=making)
    assert (built.version, built.unchanged, built.made) == (1, 3, False)
    assert not making.embedder.asked
    assert len(models.versions(workspace, "kb")) == 1


def test_another_setting_of_answers_is_a_version_of_the_same_content(workspace, docs, making):
    build(workspace, config(docs), making=making)
    built = build(workspace, config(docs, retrieval={"k": 9}), making=making)
    assert (built.version, built.made) == (2, True)
    one, two = (Index.open(workspace, f"kb:{n}") for n in (1, 2))
    assert (one.folder, one.config.retrieval.k, two.config.retrieval.k) == (two.folder, 5, 9)


def test_going_back_is_the_alias_and_a_build_goes_forward(workspace, docs, making):
    build(workspace, config(docs), making=making)
    (docs / "b.txt").write_text("New text.")
    build(workspace, config(docs), making=making)
    models.set_alias(workspace, "kb", "champion", 1)
    assert texts(Index.open(workspace, "kb"))["b.txt"].startswith("Plain text")
    built = build(workspace, config(docs), making=making)
    assert (built.version, built.made) == (2, False)
    assert Index.open(workspace, "kb").version == 2


def test_stopped_before_the_switch_it_changes_nothing(workspace, docs, making, monkeypatch):
    build(workspace, config(docs), making=making)
    (docs / "b.txt").write_text("New text.")
    upsert = making.store.upsert

    def stopped(collection, chunks, vectors):
        upsert(collection, chunks[:1], vectors[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(making.store, "upsert", stopped)
    with pytest.raises(KeyboardInterrupt):
        build(workspace, config(docs), making=making)
    assert texts(Index.open(workspace, "kb"))["b.txt"].startswith("Plain text")
    assert len(making.store.collections()) == 2
    monkeypatch.undo()
    (docs / "b.txt").write_text("Newer text.")
    assert build(workspace, config(docs), making=making).version == 2
    assert len(making.store.collections()) == 2  # the unfinished one is gone
    assert not (index_folder(workspace, "kb") / "building").exists()


def test_stopped_after_the_version_was_named_it_is_taken_up(workspace, docs, making, monkeypatch):
    build(workspace, config(docs), making=making)
    (docs / "b.txt").write_text("New text.")

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("mlwright.rag.publish.models.set_alias", stopped)
    with pytest.raises(KeyboardInterrupt):
        build(workspace, config(docs), making=making)
    assert Index.open(workspace, "kb").version == 1
    monkeypatch.undo()
    built = build(workspace, config(docs), making=making)
    assert (built.version, built.made) == (2, False)
    assert Index.open(workspace, "kb").version == 2


def test_a_store_that_lost_chunks_is_not_switched_to(workspace, docs, making, monkeypatch):
    build(workspace, config(docs), making=making)
    (docs / "b.txt").write_text("New text.")
    upsert = making.store.upsert
    monkeypatch.setattr(making.store, "upsert", lambda c, x, v: upsert(c, x[1:], v[1:]))
    with pytest.raises(DataError) as caught:
        build(workspace, config(docs), making=making)
    assert str(caught.value) == (
        "the new version was not switched to: its chunks differ in number: "
        "the documents 3, the table 3, the vector store 2"
    )
    assert Index.open(workspace, "kb").version == 1


def test_vectors_that_went_missing_are_put_back(workspace, docs, making):
    build(workspace, config(docs), making=making)
    making.store.drop(Index.open(workspace, "kb").collection)
    built = build(workspace, config(docs), making=making)
    assert (built.version, built.made) == (1, False)
    assert making.store.count(Index.open(workspace, "kb").collection) == 3


def test_a_bad_file_is_listed_and_read_again_only_when_it_changed(workspace, docs, making):
    (docs / "bad.csv").write_bytes(b"\x00\x01\x02\xff" * 50)
    (docs / "photo.jpeg").write_bytes(b"x")
    (docs / "empty.txt").write_text("  \n")
    for _ in range(2):
        built = build(workspace, config(docs), making=making)
        found = {skipped.path: skipped.reason for skipped in built.skipped}
        assert found.keys() == {"bad.csv", "photo.jpeg", "empty.txt"}
        assert found["empty.txt"] == "has no text"
        assert found["photo.jpeg"] == "no loader reads .jpeg"
        assert (built.version, built.documents) == (1, 3)
    assert (built.unchanged, built.made) == (3, False)
    (docs / "empty.txt").write_text("Something.")
    assert build(workspace, config(docs), making=making).documents == 4


def test_no_document_leaves_the_index_as_it_is(workspace, docs, making, tmp_path):
    build(workspace, config(docs), making=making)
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"no document of .*none could be read") as caught:
        build(workspace, config(tmp_path / "none"), making=making)
    assert "the index stays as it is" in caught.value.hint
    with pytest.raises(NotFound, match="there are no documents at"):
        build(workspace, config(tmp_path / "nowhere"), making=making)
    assert Index.open(workspace, "kb").version == 1


def test_one_build_at_a_time(workspace, docs, making):
    with workspace.lock("index-kb", "building the index kb"), pytest.raises(Busy) as caught:
        build(workspace, config(docs), making=making)
    assert str(caught.value).startswith("index-kb is held by process")


def test_a_models_name_is_not_taken(workspace, docs, making):
    models.register(workspace, "kb", sample_bundle(workspace.bundles))
    with pytest.raises(BundleError, match="kb:1 is a model, not an index"):
        build(workspace, config(docs), making=making)


def test_metadata_by_path_pattern_and_side_file(workspace, docs, making):
    (docs / "hr" / "leave.md.meta.yaml").write_text("author: Ann\ndate: 2024-05-01\n")
    documents = Documents(path=docs, metadata="{category}/{name}.md")
    build(workspace, RagConfig(name="kb", documents=documents), making=making)
    found = {chunk.source: chunk.metadata for chunk in Index.open(workspace, "kb").chunks()}
    assert found["hr/leave.md"] == {
        "category": "hr",
        "name": "leave",
        "author": "Ann",
        "date": "2024-05-01",
        **({"language": "en"} if "language" in found["hr/leave.md"] else {}),
    }
    (docs / "hr" / "leave.md.meta.yaml").write_text("author: Bo\n")
    built = build(workspace, RagConfig(name="kb", documents=documents), making=making)
    assert (built.version, built.unchanged) == (2, 2)


def test_two_documents_of_one_name_are_told(workspace, tmp_path, making):
    lines = ['{"_id": "1", "text": "one"}', '{"_id": "1", "text": "two"}', "nonsense", '{"a": 1}']
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    built = build(workspace, config(tmp_path), making=making)
    assert {s.path: s.reason for s in built.skipped} == {
        "1": "has the name of a document that came before it",
        "corpus.jsonl:3": "is not an object with a text",
        "corpus.jsonl:4": "is not an object with a text",
    }
    assert built.documents == 1


def test_nothing_changed_opens_neither_embedder_nor_store(workspace, docs, making, monkeypatch):
    opened = []

    def opening(*_):
        opened.append(1)
        return making

    monkeypatch.setattr("mlwright.rag.ingest.open_making", opening)
    build(workspace, config(docs))
    assert build(workspace, config(docs)).unchanged == 3
    assert len(opened) == 1
    making.store.drop(Index.open(workspace, "kb").collection)
    build(workspace, config(docs), verify=True)
    assert making.store.count(Index.open(workspace, "kb").collection) == 3
    (docs / "b.txt").write_text("New text.")
    assert build(workspace, config(docs)).version == 2
    assert len(opened) == 3
