"""TensorFlow's SavedModel of a network, and the folder of a model that came as one."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlwright.bundle.archive import unpack
from mlwright.bundle.bundle import Bundle
from mlwright.bundle.export import Exported, plans
from mlwright.bundle.keras_model import write_saved_model
from mlwright.bundle.sources import NetworkSource
from mlwright.core.errors import BundleError


def write(bundle: Bundle, path: Path) -> Exported:
    """Write a SavedModel's folder; what was made here takes float64 features.

    Raises:
        BundleError: the model is of another kind.
        MissingExtra: TensorFlow is not installed.
    """
    data = bundle.files[bundle.facts["model"]]
    making = path.with_name(f".{path.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    if bundle.runtime == "savedmodel":
        unpack(data, making)
        making.rename(path)
        return Exported((path,), ("it is the folder that was packaged",))
    if bundle.runtime != "network":
        raise BundleError(
            f"a model that runs on {bundle.runtime} is no network that a SavedModel is written of",
            hint="mlwright models export --format onnx holds trees and linear models too",
        )
    write_saved_model(NetworkSource.from_bytes(data), making)
    making.rename(path)
    plan = plans.beside(bundle, path)
    return Exported((path, plan), (plans.note(plan),))
