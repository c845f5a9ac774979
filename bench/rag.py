"""Retrieval with the defaults on collections in BEIR's layout, against words and meaning alone.

    python bench/rag.py WORKSPACE FOLDER…

Each FOLDER (`corpus.jsonl`, `queries.jsonl`, `qrels.tsv`) becomes an index of its name in the
workspace; one that is there already, and unchanged, is not built again.
"""

import sys
from pathlib import Path

from mlwright.cli.output import measured, table
from mlwright.core.workspace import Workspace
from mlwright.rag.config import RagConfig, changed
from mlwright.rag.evaluating import measure_index
from mlwright.rag.ingest import build
from mlwright.rag.questions import read_questions

MEASURES = ("ndcg@10", "recall@5", "mrr")


def rows(workspace: Workspace, folder: Path):
    config = changed(RagConfig(name=folder.name), documents={"path": str(folder)})
    built = build(workspace, config, say=lambda line: print(line, file=sys.stderr))
    questions = read_questions(folder)
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
