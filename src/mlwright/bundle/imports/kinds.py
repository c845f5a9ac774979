"""What kind of source a path or address is."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from mlwright.bundle.imports.description import DESCRIPTION, is_own
from mlwright.bundle.manifest import MANIFEST
from mlwright.core.errors import BundleError, NotFound, did_you_mean

BUNDLE = "bundle"
PROGRAM = "saved_model.pb"
SUFFIXES = {
    ".json": "xgboost",
    ".lgb": "lightgbm",
    ".onnx": "onnx",
    ".pt": "torchscript",
    ".skops": "sklearn",
    ".ts": "torchscript",
    ".txt": "lightgbm",
    ".ubj": "xgboost",
}
_PICKLES = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".pth", ".ckpt")
_ADVICE = {
    **dict.fromkeys(
        _PICKLES,
        "a pickle runs whatever code its author put in: save it with skops.io.dump(model, "
        "'model.skops'), or with the library's own format",
    ),
    ".h5": "export it with model.export(folder), and give that folder",
    ".keras": "export it with model.export(folder), and give that folder",
    ".safetensors": "weights alone are no model: give an ONNX or TorchScript export",
    ".cbm": "save it with model.save_model(path, format='onnx')",
    ".py": "say which class: path/to/model.py:Class",
}
MLFLOW_SCHEMES = ("models", "runs", "mlflow-artifacts")


def kind_of(source: str) -> str | None:
    """Return the name of the importer for a source, `bundle`, or None where it is no path.

    >>> kind_of("https://models.example/churn"), kind_of("models:/churn/3")
    ('endpoint', 'mlflow')

    Raises:
        BundleError: the file or folder is of no kind that is known.
        NotFound: it is written as a path, and nothing is there.
    """
    scheme = urlsplit(source).scheme
    if scheme in ("http", "https"):
        return "endpoint"
    if scheme in MLFLOW_SCHEMES and source.startswith(f"{scheme}:/"):
        return "mlflow"
    if ".py:" in source:
        return "python"
    path = Path(source)
    if path.is_dir():
        return _folder(path)
    if path.is_file():
        return _file(path)
    if "/" in source or path.suffix in {*SUFFIXES, *_ADVICE}:
        raise NotFound(f"there is no file or folder {source}", hint=_near(path))
    return None


def _folder(path: Path) -> str:
    if (path / MANIFEST).is_file():
        return BUNDLE
    if (path / DESCRIPTION).is_file():
        return BUNDLE if is_own(path) else "mlflow"
    if (path / PROGRAM).is_file():
        return "savedmodel"
    raise BundleError(
        f"the folder {path} holds no model that is known",
        hint=f"a bundle has {MANIFEST}, an MLflow model {DESCRIPTION}, a SavedModel {PROGRAM}",
    )


def _file(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    known = ", ".join(SUFFIXES)
    near = "" if suffix in _ADVICE else did_you_mean(suffix, SUFFIXES)
    raise BundleError(
        f"{path} is of no kind that is known{near}",
        hint=_ADVICE.get(
            suffix,
            f"known are {known}, a folder of MLflow's or a SavedModel, and path/to/model.py:Class",
        ),
    )


def _near(path: Path) -> str:
    there = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    return did_you_mean(path.name, there).removeprefix("; ") or "check the path"
