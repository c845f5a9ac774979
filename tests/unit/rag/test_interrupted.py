"""A build that is killed at any of its steps changes nothing, and the next one goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from mlwright.core.workspace import Workspace
from mlwright.rag.config import Documents, RagConfig
from mlwright.rag.index import Index, index_folder
from mlwright.rag.ingest import build

SCRIPT = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from mlwright.core.workspace import Workspace
    from mlwright.rag import ingest, publish, staging
    from mlwright.rag.config import Documents, RagConfig
    from mlwright.rag.parts import Making

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    place, root, docs = sys.argv[1:]
    module, _, name = place.partition(":")
    owner = {"ingest": ingest, "publish": publish, "staging": staging, "models": publish.models}
    setattr(owner[module], name, die)
    config = RagConfig(name="kb", documents=Documents(path=Path(docs)))
    ingest.build(Workspace(Path(root)), config, making=Making(None, None, None))
    """
)
PLACES = ["ingest:write_json", "staging:finish", "publish:_write", "models:register"]


@pytest.mark.parametrize("place", [*PLACES, "models:set_alias"])
def test_killed_it_changes_nothing(tmp_path, docs, making, place):
    workspace = Workspace.create(tmp_path / "ws")
    config = RagConfig(name="kb", documents=Documents(path=docs))
    plain = type(making)(None, None, None)
    build(workspace, config, making=plain)
    (docs / "b.txt").write_text("New text.")
    arguments = [sys.executable, "-c", SCRIPT, place, str(workspace.root), str(docs)]
    killed = subprocess.run(arguments, env=os.environ, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    index = Index.open(workspace, "kb")
    assert index.version == 1
    assert [chunk.text[:5] for chunk in index.chunks()] == ["# Ref", "Plain", "# Lea"]
    built = build(workspace, config, making=plain)
    assert built.version == 2
    assert [c.text[:5] for c in Index.open(workspace, "kb").chunks()] == ["# Ref", "New t", "# Lea"]
    assert not (index_folder(workspace, "kb") / "building").exists()
