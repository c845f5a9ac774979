"""The file `MLmodel`, in which MLflow says what a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mlwright.core.errors import BundleError

DESCRIPTION = "MLmodel"
_NONE = (
    OSError,
    UnicodeDecodeError,
    yaml.YAMLError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)
_OWN_LOADER = "mlwright.bundle.pyfunc"


def description(folder: Path) -> dict[str, Any]:
    """Return what the file `MLmodel` says.

    Raises:
        BundleError: there is none, or it is not one.
    """
    try:
        found = yaml.safe_load((folder / DESCRIPTION).read_text())
        if not all(isinstance(each, dict) for each in found["flavors"].values()):
            raise TypeError("a flavour is a mapping")
    except _NONE as e:
        raise BundleError(
            f"{folder / DESCRIPTION} does not describe an MLflow model",
            hint="give the folder that mlflow's log_model or save_model wrote",
        ) from e
    return dict(found)


def is_own(folder: Path) -> bool:
    """Return whether the folder is a bundle of ours that MLflow had kept."""
    loader = description(folder)["flavors"].get("python_function", {}).get("loader_module")
    return bool(loader == _OWN_LOADER)
