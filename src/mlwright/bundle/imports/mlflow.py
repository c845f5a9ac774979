"""A model folder of MLflow's. A flavour whose file is native is read as such: no code is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlwright.bundle.archive import pack
from mlwright.bundle.imports.asked import Asked, Incoming, settled
from mlwright.bundle.imports.description import DESCRIPTION, description
from mlwright.bundle.imports.lightgbm import read as read_lightgbm
from mlwright.bundle.imports.onnx import read as read_onnx
from mlwright.bundle.imports.sklearn import read as read_sklearn
from mlwright.bundle.imports.xgboost import read as read_xgboost
from mlwright.bundle.plan import Plan
from mlwright.bundle.sources import FileSource
from mlwright.core.errors import BundleError
from mlwright.core.signature import Kind

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("double", "float", "integer", "long"), "number"),
    "boolean": "boolean",
    "string": "category",
}


def read(where: str, asked: Asked) -> Incoming:
    """Read a model folder: by its native file where it has one, else as a program of its own.

    Raises:
        BundleError: it is no model folder, or its native file cannot be read.
        ConfigError, DataError: see `settled`.
    """
    folder = Path(where)
    facts = description(folder)
    flavours = facts["flavors"]
    names, kinds = _inputs(facts)
    known = asked if asked.columns or not names else replace(asked, columns=tuple(names))
    for name, importer in (
        ("lightgbm", read_lightgbm),
        ("xgboost", read_xgboost),
        ("onnx", read_onnx),
    ):
        file = _native(folder, flavours.get(name, {}), name)
        if file is not None:
            return importer(str(file), known)
    packed = flavours.get("sklearn", {})
    if packed.get("serialization_format") == "skops":
        return read_sklearn(str(_inside(folder, str(packed.get("pickled_model", "")))), known)
    if "python_function" not in flavours:
        raise BundleError(
            f"{folder} has only the flavours {', '.join(sorted(flavours))}, which are not known",
            hint="log it with its python_function flavour",
        )
    signature = settled(known, kinds=kinds or None, only_where_null=True)
    source = FileSource("pyfunc", "model.zip", pack(folder), ("numpy", "mlflow-skinny", "pandas"))
    return Incoming("pyfunc", signature, Plan(()), source, params={"link": asked.link})


def _native(folder: Path, flavour: Mapping[str, Any], name: str) -> Path | None:
    """Return the flavour's own file, unless it is a pickle."""
    data = flavour.get("data")
    if not data or str(data).endswith((".pkl", ".pickle")):
        return None
    file = folder / str(data)
    if file.is_dir():
        return None
    file = _inside(folder, str(data))
    if name == "lightgbm" and not file.read_bytes().startswith(b"tree\n"):
        return None
    return file


def _inside(folder: Path, name: str) -> Path:
    file = folder / name
    if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
        raise BundleError(
            f"{folder / DESCRIPTION} names a file that does not lie there",
            hint="give the folder that mlflow's log_model or save_model wrote",
        )
    return file


def _inputs(facts: Mapping[str, Any]) -> tuple[list[str], dict[str, Kind]]:
    """Return the columns of the model's signature; of a tensor it names none."""
    try:
        inputs = json.loads((facts.get("signature") or {}).get("inputs") or "[]")
        named = [each for each in inputs if each.get("name") and each.get("type") != "tensor"]
        kinds = {str(each["name"]): _KINDS.get(str(each["type"]), "number") for each in named}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [], {}
    return list(kinds), kinds
