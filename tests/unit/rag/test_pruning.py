"""Old versions go, but those that somebody may go back to stay."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert

from mlwright.core.errors import NotFound, RemoteError
from mlwright.core.state import environments, releases
from mlwright.rag import pruning
from mlwright.rag.config import Documents, RagConfig
from mlwright.rag.embedding_cache import CachedEmbedder
from mlwright.rag.index import Index, index_folder
from mlwright.rag.ingest import build
from mlwright.track import models


@pytest.fixture
def make(workspace, docs, making):
    """Build another version, of other content, and return what the build says."""
    numbers = iter(range(100))

    def made(keep: int = 2, **more):
        (docs / "b.txt").write_text(f"Version {next(numbers)}.")
        config = RagConfig(name="kb", documents=Documents(path=docs), keep_versions=keep)
        return build(workspace, config, making=making, **more)

    return made


def folders(workspace) -> int:
    return sum(path.is_dir() for path in index_folder(workspace, "kb").iterdir())


def test_the_newest_stay_and_the_others_go(workspace, make, making):
    assert [make().pruned for _ in range(4)] == [(), (), (1,), (2,)]
    assert folders(workspace) == 2
    assert len(making.store.collections()) == 2
    assert Index.open(workspace, "kb:3").get([]) == []
    with pytest.raises(NotFound) as raised:
        Index.open(workspace, "kb:1")
    assert str(raised.value) == "the files of index kb:1 are gone"
    assert [version.version for version in models.versions(workspace, "kb")] == [1, 2, 3, 4]


def test_a_version_with_an_alias_stays(workspace, make):
    make()
    models.set_alias(workspace, "kb", "stable", 1)
    assert [make().pruned for _ in range(3)] == [(), (), (2,)]
    assert Index.open(workspace, "kb@stable").version == 1


def test_what_is_deployed_or_ran_before_or_is_about_to_stays(workspace, make):
    for _ in range(3):
        make(keep=9)
    common = {"platform": "local", "wanted": "running", "settings": {}, "updated": 0.0}
    row = {"name": "production", "model": "kb", "version": 2, "previous": 1, **common}
    begun = {
        "environment": "production", "model": "kb", "version": 3, "replaces": 2,
        "strategy": "canary", "options": {}, "state": "rolling", "step": 0, "weight": 0.1,
        "evidence": {}, "reason": "", "who": "", "created": 0.0, "updated": 0.0,
    }  # fmt: skip
    with workspace.state.write() as connection:
        connection.execute(insert(environments).values(**row))
        connection.execute(insert(releases).values(**begun))
    assert make(keep=1).pruned == ()
    assert make(keep=1).pruned == (4,)
    assert folders(workspace) == 4


def test_a_version_that_is_open_stays_until_it_is_closed(workspace, make):
    make(keep=1)
    index = Index.open(workspace, "kb:1")
    assert len(index.table) == 3
    assert make(keep=1).pruned == ()
    index.close()
    assert make(keep=1).pruned == (1, 2)


def test_content_that_two_versions_share_stays_as_long_as_one_does(workspace, docs, make, making):
    make()
    config = RagConfig(name="kb", documents=Documents(path=docs), retrieval={"k": 9})
    assert build(workspace, config, making=making).version == 2
    assert make().pruned == ()
    assert make().pruned == (1, 2)


def test_a_store_that_refuses_is_asked_again(workspace, make, making, monkeypatch):
    make(keep=1)
    drop, said = making.store.drop, []

    def refuse(collection: str) -> None:
        if collection in making.store.kept:
            raise RemoteError("the store is away")

    monkeypatch.setattr(making.store, "drop", refuse)
    assert make(keep=1, say=said.append).pruned == (1,)
    assert said[-1] == (
        "the vectors of an old version were not removed: the store is away; the next build tries "
        "again"
    )
    assert len(making.store.collections()) == 2
    monkeypatch.setattr(making.store, "drop", drop)
    make(keep=1)
    assert len(making.store.collections()) == 1
    assert folders(workspace) == 1


def test_a_kill_in_the_middle_leaves_the_rest_to_the_next_build(
    workspace, make, making, monkeypatch
):
    make(keep=1)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pruning, "_remove", killed)
        with pytest.raises(KeyboardInterrupt):
            make(keep=1)
    assert Index.open(workspace, "kb").version == 2
    make(keep=1)
    assert (folders(workspace), len(making.store.collections())) == (1, 1)


def test_a_build_says_what_was_embedded_and_what_was_not(workspace, make, making, docs):
    cached = CachedEmbedder(making.embedder, workspace.folder / "embeddings.db")
    config = RagConfig(name="kb", documents=Documents(path=docs))
    counts = []
    for text in ("One.", "Two.", "One."):
        (docs / "b.txt").write_text(text)
        built = build(workspace, config, making=replace(making, embedder=cached))
        counts.append((built.embedded, built.reused))
    assert counts == [(3, 0), (1, 2), (0, 3)]
    again = build(workspace, config, making=replace(making, embedder=cached))
    assert (again.embedded, again.reused, again.made) == (0, 3, False)
    cached.close()
