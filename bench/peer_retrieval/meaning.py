"""What each peer is given: the same documents, questions and embedder; and how its hits go out."""

import json
import sys
from pathlib import Path

from mlwright.core.workspace import Workspace
from mlwright.rag.config_finding import Embedding
from mlwright.rag.embedders.opening import open_cached

FOLDER, OUT = Path(sys.argv[1]), Path(sys.argv[3])
MODEL = open_cached(Embedding(), Workspace.create(Path(sys.argv[2])))
MOST = 10
ASKED = 50
"""Chunks that are asked for, so that ten documents are among them."""


def documents():
    """Return ids and texts, the title first."""
    with (FOLDER / "corpus.jsonl").open() as file:
        rows = [json.loads(line) for line in file]
    return {str(row["_id"]): f"{row.get('title') or ''}\n{row['text']}".strip() for row in rows}


def questions():
    with (FOLDER / "queries.jsonl").open() as file:
        rows = [json.loads(line) for line in file]
    return {str(row["_id"]): row["text"] for row in rows}


def embed_documents(texts):
    return MODEL.embed(list(texts), "document").tolist()


def embed_question(text):
    return MODEL.embed([text], "query")[0].tolist()


def write(**ways):
    """Ask every way every question; a way gives ids of documents, best first, some repeated."""
    told = {}
    for name, ask in ways.items():
        told[name] = {
            key: list(dict.fromkeys(map(str, ask(text))))[:MOST]
            for key, text in questions().items()
        }
    OUT.write_text(json.dumps(told))
