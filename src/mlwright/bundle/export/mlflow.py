"""A folder that `mlflow.pyfunc.load_model` loads: the bundle itself, which is one."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.export import Exported


def write(bundle: Bundle, path: Path) -> Exported:
    """Copy the bundle's files into a folder that appears whole."""
    making = path.with_name(f".{path.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(bundle.path, making)
    making.rename(path)
    return Exported((path,), ("mlwright must be installed where MLflow loads it",))
