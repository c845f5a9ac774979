import hashlib
import json
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlwright.core.workspace import Workspace


@dataclass(frozen=True)
class Packaged:
    path: Path
    hash: str


@pytest.fixture
def package():
    """Make the least that can be registered, in a workspace's folder of bundles."""

    def make(workspace, name="churn", content=""):
        data = json.dumps({"name": name, "content": content}).encode()
        digest = hashlib.sha256(data).hexdigest()
        folder = workspace.bundles / digest
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bundle.json").write_bytes(data)
        return Packaged(folder, digest)

    return make


@pytest.fixture
def down():
    """The address of a tracker that does not answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def offline(workspace, down):
    """A workspace whose tracker does not answer."""
    (workspace.root / "mlwright.yaml").write_text(f"tracking:\n  uri: {down}\n")
    return Workspace(workspace.root)
