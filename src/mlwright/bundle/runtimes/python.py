"""A class of the user's with `predict`. It is code: only what the user trusts is loaded."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from mlwright.bundle.archive import unpacked, unpacked_for
from mlwright.bundle.foreign import Columns, Foreign, as_scores
from mlwright.bundle.plan import Floats
from mlwright.core.errors import BundleError

ENTRY = "mlwright.json"
"""The file of the archive that says which module and class is meant."""


class Python:
    """An instance of the class; its files stay on disk for as long as it lives."""

    def __init__(self, foreign: Foreign) -> None:
        try:
            entry = json.loads(unpacked(foreign.data)[ENTRY])
            module, name = str(entry["module"]), str(entry["class"])
        except (KeyError, ValueError, TypeError) as exc:
            raise BundleError(
                "the archive does not say which class is meant", hint="package the model again"
            ) from exc
        self._foreign = foreign
        folder = unpacked_for(self, foreign.data)
        self._model = _made(folder, module, name, _digest(foreign.data))

    def scores(self, columns: Columns) -> Floats:
        """Return the scores of the rows."""
        rows = len(next(iter(columns.values())))
        try:
            found = self._model.predict(dict(columns))
        except Exception as exc:  # whatever the user's code raises; its words may quote a row
            raise BundleError(
                f"{type(self._model).__name__}.predict failed: {type(exc).__name__}",
                hint="it is given a dict of columns: name -> numpy array, a value a row",
            ) from exc
        return as_scores(found, self._foreign.signature, rows=rows, link=self._foreign.link)


def _made(folder: Path, module: str, name: str, digest: str) -> Any:
    """Import the module from the folder under a name of its own, and make the class."""
    try:
        kind = getattr(_imported(folder, module, digest), name)
    except AttributeError as exc:
        raise BundleError(
            f"the module {module} has no class {name!r}", hint="correct what stands behind the ':'"
        ) from exc
    except Exception as exc:  # whatever the user's code raises
        raise BundleError(
            f"the module {module} cannot be imported: {type(exc).__name__}: {exc}",
            hint="give the folder that holds all it imports, with --code",
        ) from exc
    if not callable(getattr(kind, "predict", None)):
        raise BundleError(f"{name} has no method predict", hint="def predict(self, columns): …")
    try:
        return kind()
    except Exception as exc:  # whatever the user's code raises
        raise BundleError(
            f"{name}() cannot be made: {type(exc).__name__}: {exc}",
            hint="its __init__ takes no arguments, and finds files beside __file__",
        ) from exc


def _imported(folder: Path, module: str, digest: str) -> Any:
    """Import a module below a package that stands for the folder.

    Two models may have modules of the same name. Absolute imports of its neighbours work because
    the folder is on the path while it is imported.
    """
    own = f"_mlwright_{digest[:16]}"
    path = folder.joinpath(*module.split(".")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(f"{own}_{module.replace('.', '_')}", path)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(module)
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # as dataclasses and pickles expect
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(found)
    finally:
        sys.path.remove(str(folder))
        _forget(folder, before)
    return found


def _forget(folder: Path, before: set[str]) -> None:
    """Leave the names of its neighbours to others: another model may have the same."""
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(folder):
            del sys.modules[name]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def load(foreign: Foreign) -> Python:
    """Import the class and make it; this runs its code.

    Raises:
        BundleError: the archive, the module or the class is not as it must be.
    """
    return Python(foreign)
