"""Retrieval among many chunks: time a question, recall against comparing all, memory, disk.

    python bench/rag_scale.py WORKSPACE INDEX QUESTIONS [--chunks N] [--store NAME] [--seed N]

The chunks are made of those of an index that `bench/rag.py` built: the halves of two texts, and a
mixture of their vectors. The filter `year = 2007` keeps one in twenty. One thread asks.
"""

import argparse
import resource
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from mlwright.cli.output import table
from mlwright.core.workspace import Workspace
from mlwright.rag import sparse
from mlwright.rag.chunk_table import ChunkTable
from mlwright.rag.config_finding import Retrieval, VectorDB
from mlwright.rag.embedders.minilm import MiniLM
from mlwright.rag.embedders.opening import weights_folder
from mlwright.rag.embedders.weights import find_tokenizer, find_weights
from mlwright.rag.filters import parse
from mlwright.rag.find import Dense, Finder
from mlwright.rag.index import Index
from mlwright.rag.parts import open_making
from mlwright.rag.questions import read_questions
from mlwright.rag.stores import open_store

BATCH, K, KEPT = 1024, 10, "year = 2007"


def mixed(chunks, vectors, count, seed):
    """Return chunks and vectors that are like those given, and as many as wanted."""
    chance = np.random.default_rng(seed)
    first, second = chance.integers(0, len(chunks), (2, count))
    share = chance.uniform(0.5, 1, count)[:, None]
    made = share * vectors[first] + (1 - share) * vectors[second]
    made += chance.normal(0, 0.01, made.shape)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    texts = (
        chunks[one].text[: len(chunks[one].text) // 2]
        + chunks[other].text[len(chunks[other].text) // 2 :]
        for one, other in zip(first, second, strict=True)
    )
    years = chance.integers(2000, 2020, count)
    return [
        replace(
            chunks[one],
            id=f"{place:024x}",
            text=text,
            end=len(text),
            metadata={"year": int(year), "lang": ("en", "de")[place % 2]},
        )
        for place, (one, text, year) in enumerate(zip(first, texts, years, strict=True))
    ], made.astype(np.float32)


def timed(ask, asked):
    """Return the median milliseconds of wall and of CPU time a question."""
    wall, cpu = [], []
    for one in asked:
        begun, used = time.perf_counter(), time.process_time()
        ask(one)
        wall.append(1e3 * (time.perf_counter() - begun))
        cpu.append(1e3 * (time.process_time() - used))
    return f"{np.median(wall):.1f} ms", f"{np.median(cpu):.1f} ms"


def recall(store, vectors, asked, mask, where):
    """Return the share of the 10 nearest that the store finds."""
    found = []
    places = np.flatnonzero(mask)
    for vector in asked:
        best = places[np.argsort(-(vectors[places] @ vector))[:K]]
        names = {name for name, _ in store.search("big", vector, K, where)}
        found.append(len(names & {f"{place:024x}" for place in best}) / K)
    return float(np.mean(found))


def main():
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("workspace", type=Path)
    reader.add_argument("index")
    reader.add_argument("questions", type=Path)
    reader.add_argument("--chunks", type=int, default=100_000)
    reader.add_argument("--store", default="lancedb")
    reader.add_argument("--seed", type=int, default=0)
    given = reader.parse_args()

    workspace = Workspace.create(given.workspace)
    index = Index.open(workspace, given.index)
    texts = [question.text for question in read_questions(given.questions)][:200]
    small = list(index.chunks())
    cached = open_making(index.config, workspace, print).embedder
    vectors = cached.embed([chunk.embedded for chunk in small], "document")
    chunks, vectors = mixed(small, vectors, given.chunks, given.seed)
    folder = workspace.folder / "scale"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def spent(what, done):
        begun, used = time.perf_counter(), time.process_time()
        found = done()
        cpu = time.process_time() - used
        print(f"{what}: {time.perf_counter() - begun:.1f} s, {cpu:.1f} s of CPU")
        return found

    store = open_store(VectorDB(type=given.store), folder)

    def fill():
        for start in range(0, len(chunks), BATCH):
            part = slice(start, start + BATCH)
            store.upsert("big", chunks[part], vectors[part])
        store.seal("big")

    spent(f"{given.store}: {given.chunks:,} chunks written and indexed", fill)
    spent("words indexed", lambda: sparse.build(folder / "sparse", iter(chunks)))
    spent("table written", lambda: ChunkTable.write(folder / "chunks.db", chunks))
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6

    settings, kept = index.config.embedding, weights_folder(workspace)
    weights = find_weights(settings, kept)
    embedder = MiniLM(weights.path, find_tokenizer(kept), cached.name, threads=1)
    asked = embedder.embed(texts, "query")
    where = parse(KEPT)
    years = np.array([chunk.metadata["year"] for chunk in chunks])
    rows = []
    dense = Dense(embedder, store, "big")
    words = sparse.SparseIndex.open(folder / "sparse")
    chunk_table = ChunkTable.open(folder / "chunks.db")
    embedding = timed(lambda text: embedder.embed([text], "query"), texts)
    rows.append(("the question embedded", "", *embedding, ""))
    for name, condition, mask in (
        ("none", None, years > 0),
        (KEPT, where, years == 2007),
    ):
        share = recall(store, vectors, asked[:100], mask, condition)
        near = timed(lambda v, c=condition: store.search("big", v, 100, c), asked)
        worded = timed(lambda t, c=condition: words.search(t, 100, c), texts)
        finder = Finder(chunk_table, words, dense, settings=Retrieval())
        whole = timed(lambda t, f=finder, c=condition: f.find(t, 5, c), texts)
        rows.append(("the nearest 100", name, *near, f"recall@10 {share:.3f}"))
        rows.append(("the best 100 by words", name, *worded, ""))
        rows.append(("a whole question, hybrid", name, *whole, ""))
    table(("what", "filter", "median", "CPU", "against all compared"), rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{disk:.0f} MB on disk; at most {peak:.0f} MB of memory, making the chunks included")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
