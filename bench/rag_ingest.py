"""Documents in: PDF pages a second, embedding beside the bare loop, a build that finds nothing new.

    python bench/rag_ingest.py WORKSPACE [--pdfs FOLDER] [--index NAME] [--documents N]

`--pdfs` times parsing; `--index` names an index that `bench/rag.py` built, whose chunks are
embedded again; `--documents` files are made, built twice, and the second build is timed.
CPU seconds are those of this process and of its children.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pypdfium2
from tokenizers import Tokenizer

from mlwright.cli.output import table
from mlwright.core.workspace import Workspace
from mlwright.rag.config import Documents
from mlwright.rag.config_finding import Embedding
from mlwright.rag.embedders.minilm import MiniLM
from mlwright.rag.embedders.opening import weights_folder
from mlwright.rag.embedders.weights import find_tokenizer, find_weights
from mlwright.rag.index import Index
from mlwright.rag.loaders.pdf import PdfLoader
from mlwright.rag.reading import read_all
from mlwright.rag.sources import Source, find_sources

ROUNDS, TEXTS, BATCH, TOKENS = 3, 256, 32, 256


def cpu():
    told = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in told)


def spent(do):
    begun, used = time.perf_counter(), cpu()
    do()
    return time.perf_counter() - begun, cpu() - used


def parsing(folder):
    paths = sorted(folder.glob("*.pdf"))
    pages = sum(len(pypdfium2.PdfDocument(path)) for path in paths)
    sources = [each for each in find_sources(Documents(path=folder)) if isinstance(each, Source)]
    for name, do in (
        ("in this process", lambda: [PdfLoader().load(path) for path in paths]),
        ("as a build does", lambda: list(read_all(sources, processes=2, timeout=60))),
    ):
        wall, used = spent(do)
        yield (f"{pages} PDF pages, {name}", f"{pages / wall:.0f}/s", f"{pages / used:.0f}/CPU s")


def bare(weights, tokenizer):
    """Return the shortest code that embeds: sorted by length, batches of 32."""
    words = Tokenizer.from_file(str(tokenizer))
    words.enable_truncation(TOKENS)
    words.enable_padding()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(weights), options)

    def embed(texts):
        found = np.zeros((len(texts), 384), np.float32)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            read = words.encode_batch_fast([texts[place] for place in places])
            ids = np.array([each.ids for each in read])
            mask = np.array([each.attention_mask for each in read])
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": 0 * ids}
            states = session.run(None, feed)[0]
            pooled = (states * mask[..., None]).sum(1)
            found[places] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return found

    return embed


def embedding(workspace, name):
    index = Index.open(workspace, name)
    chunks = list(index.chunks())
    step = max(1, len(chunks) // TEXTS)
    texts = [chunk.embedded for chunk in chunks[::step][:TEXTS]]
    kept = weights_folder(workspace)
    weights, tokenizer = find_weights(Embedding(), kept), find_tokenizer(kept)
    ours, loop = MiniLM(weights.path, tokenizer, "minilm"), bare(weights.path, tokenizer)
    used = {"mlwright": [], "the bare loop": []}
    for _ in range(ROUNDS):
        used["mlwright"].append(spent(lambda: ours.embed(texts, "document"))[1])
        used["the bare loop"].append(spent(lambda: loop(texts))[1])
    apart = np.abs(ours.embed(texts, "document") - loop(texts)).max()
    for who, seconds in used.items():
        best = min(seconds)
        yield (f"{len(texts)} chunks embedded by {who}", "", f"{len(texts) / best:.1f}/CPU s")
    yield ("the vectors differ by at most", f"{apart:.4f}", "")


def again(count):
    with tempfile.TemporaryDirectory() as made:
        documents = Path(made) / "documents"
        documents.mkdir()
        for place in range(count):
            text = f"# Document {place}\n\n" + f"What is known of the matter {place}. " * 20
            (documents / f"{place:05}.md").write_text(text)
        (Path(made) / "rag.yaml").write_text("embedding: {provider: none}\nname: kb\n")
        command = [sys.executable, "-m", "mlwright", "rag", "build", "rag.yaml", "--documents"]
        run = {"cwd": made, "check": True, "stdout": subprocess.DEVNULL}
        run |= {"env": {**os.environ, "COLUMNS": "100"}}
        subprocess.run([sys.executable, "-m", "mlwright", "init", "."], **run)
        for what in ("built", "built again, nothing changed"):
            wall, used = spent(lambda: subprocess.run([*command, "documents"], **run))
            yield (f"{count:,} documents {what}", f"{wall:.1f} s", f"{used:.1f} CPU s")


def main():
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("workspace", type=Path)
    reader.add_argument("--pdfs", type=Path)
    reader.add_argument("--index")
    reader.add_argument("--documents", type=int)
    given = reader.parse_args()
    rows = []
    if given.pdfs:
        rows += parsing(given.pdfs)
    if given.index:
        rows += embedding(Workspace.create(given.workspace), given.index)
    if given.documents:
        rows += again(given.documents)
    table(("what", "wall", "CPU"), rows)


if __name__ == "__main__":
    main()
