"""A framework of another package, found by a real installed distribution's entry point."""

import importlib
import sys

import pytest

from mlwright.core.workspace import Workspace
from mlwright.train.fit import train
from mlwright.train.frameworks import FRAMEWORKS

CODE = '''
from mlwright.train.frameworks.dummy import Dummy

class Constant(Dummy):
    """The framework of another package."""

FRAMEWORK = Constant()
'''


@pytest.fixture
def _installed(tmp_path, monkeypatch):
    info = tmp_path / "constant-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: constant\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mlwright.frameworks]\nconstant = constant_model:FRAMEWORK\n"
    )
    (tmp_path / "constant_model.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("constant_model", None)


@pytest.mark.usefixtures("_installed")
def test_another_packages_framework_trains_to_a_bundle(tmp_path, churn):
    assert "constant" in FRAMEWORKS.names()
    workspace = Workspace.create(tmp_path)
    trained = train(
        workspace, churn, target="Churn", name="c", algorithm="constant", baselines=False
    )
    assert trained.bundle.runtime == "linear"
    assert trained.metrics["holdout"]["auc"].value == 0.5
