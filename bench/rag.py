"""Retrieval with the defaults, against words and meaning alone, on the same questions.

    python bench/rag.py WORKSPACE FOLDER…

Each FOLDER is in BEIR's layout (`corpus.jsonl`, `queries.jsonl`, `qrels.tsv`) and becomes an index
of its name in the workspace; one that is there already, and unchanged, is not built again. Where
it has a folder `pdfs`, those are read in place of the corpus, and `name#page` means `name.pdf`.
"""

import sys
from dataclasses import replace
from pathlib import Path

from mlwright.cli.output import measured, table
from mlwright.core.workspace import Workspace
from mlwright.rag.config import RagConfig, changed
from mlwright.rag.evaluating import measure_index
from mlwright.rag.ingest import build
from mlwright.rag.questions import read_questions

MEASURES = ("ndcg@10", "recall@5", "mrr")


def said(line):
    print(line, file=sys.stderr)


def asked(folder):
    """Return the documents' folder, and the questions with the names that its documents have."""
    questions, pdfs = read_questions(folder), folder / "pdfs"
    if not pdfs.is_dir():
        return folder, questions
    there = {path.name for path in pdfs.iterdir()}
    labelled = [
        replace(each, relevant={f"{name.partition('#')[0]}.pdf": 1 for name in each.relevant})
        for each in questions
    ]
    return pdfs, [each for each in labelled if there & set(each.relevant)]


def rows(workspace, folder):
    documents, questions = asked(folder)
    config = changed(RagConfig(name=folder.name), documents={"path": str(documents)})
    built = build(workspace, config, say=said)
    said(f"{built.documents} documents, {built.chunks} chunks, {built.seconds:.0f} s")
    for other in ("sparse", "dense"):
        found = measure_index(workspace, questions, ref=built.name, against=other)
        for name in MEASURES:
            gap = found.comparison[name]
            yield (
                found.index,
                name,
                measured(found.evaluation.metrics[name].to_json()),
                f"{other}: {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]",
                f"{found.evaluation.latency_ms['p50']:.1f} ms",
            )


def main() -> None:
    workspace = Workspace.create(Path(sys.argv[1]))
    for folder in map(Path, sys.argv[2:]):
        header = ("index", "measure", "hybrid", "better than", "median")
        table(header, list(rows(workspace, folder)))


if __name__ == "__main__":
    main()
