"""An environment that answers questions, without a server: its log is written as one writes it."""

import json
from dataclasses import dataclass
from itertools import count

import pytest
from sqlalchemy import insert

from mlwright.bundle import manifest
from mlwright.core.state import environments
from mlwright.core.workspace import Workspace
from mlwright.predictions.queries import Feedback, Query, line
from mlwright.predictions.segment import Segment
from mlwright.rag.publish import _NO_MODEL, _Packed, _write
from mlwright.track.models import register

NOON = 1_700_000_000.0
DAY = 86_400.0
USUAL = ("when is the money paid back", "how long is the warranty", "what does shipping cost")


@dataclass
class Answering:
    workspace: Workspace
    numbers: count

    @property
    def log(self):
        return self.workspace.environment("help") / "log"

    def ask(self, texts, *, at=NOON, key=None, liked=(), **more):
        """Log these questions, a second apart; return their request ids."""
        records, ids = [], []
        for i, text in enumerate(texts):
            ids.append(f"q{next(self.numbers)}")
            given = {"answer": "extractive", "hits": ["a.md"], "version": 1, "model": "kb"} | more
            given |= {"cached": i % 4 == 0, "cost": 0.001, "latency_ms": 10.0 + i % 50}
            records.append(
                Query(
                    time=at + i,
                    request_id=ids[-1],
                    key=key(i) if key else None,
                    query=text,
                    evidence=0.5,
                    cited=[],
                    removed_citations=0,
                    prompt_tokens=0,
                    completion_tokens=0,
                    route="champion",
                    **given,
                )
            )
        told = [
            Feedback(at + 1000, request, 1.0 if good else -1.0)
            for request, good in zip(ids, liked, strict=False)
        ]
        self.write(*records, *told)
        return ids

    def write(self, *records):
        segment = Segment(self.log, "predictions")
        segment.append([line(record) for record in records])
        segment.close()


@pytest.fixture
def answering(tmp_path):
    workspace = Workspace.create(tmp_path)
    (tmp_path / "documents").mkdir()
    index = tmp_path / ".mlwright" / "indexes" / "kb" / "abc"
    index.mkdir(parents=True)
    documents = [
        {"id": "a.md", "metadata": {"date": "2023-11-01"}},
        {"id": "b.md", "metadata": {"date": 20231103}},
        {"id": "c.md", "metadata": {"date": "soon"}},
    ]
    index.joinpath("documents.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    about = {**_NO_MODEL, "kind": "rag", "name": "kb"}
    about["index"] = {"name": "kb", "key": "abc", "documents": 3, "chunks": 3}
    config = {"name": "kb", "documents": {"path": str(tmp_path / "documents")}}
    contents = {
        "config.json": json.dumps(config).encode(),
        "samples.json": b"[]",
        "prompt.txt": b"",
    }
    files = manifest.seal(contents, about)
    digest = files[manifest.SEAL].decode().strip()
    _write(files, workspace.bundles / digest)
    register(workspace, "kb", _Packed(workspace.bundles / digest, digest))
    row = {"platform": "local", "wanted": "running", "settings": {}, "updated": NOON}
    with workspace.state.write() as connection:
        connection.execute(insert(environments).values(name="help", model="kb", version=1, **row))
    return Answering(workspace, count())
