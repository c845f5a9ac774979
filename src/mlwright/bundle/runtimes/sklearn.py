"""A scikit-learn estimator in scikit-learn itself, read by skops, which runs no code from the file.

skops names every type that the file wants to build and that it does not know. Of those only
classes of scikit-learn itself are built: no function, and nothing of another package. The rule
stands here and not in the bundle, for who writes a bundle could write a list.
"""

from __future__ import annotations

import io
import re
import zipfile
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.archive import check_growth
from mlwright.bundle.forests.sound_estimators import check_estimator
from mlwright.core.backends import require
from mlwright.core.errors import BundleError
from mlwright.core.signature import Task

Floats = NDArray[np.float64]

_LARGEST = float(np.finfo(np.float32).max)
_HINT = "package the model again"
_NOT_MODELS = {"datasets", "externals", "tests", "utils"}
_NAMES = re.compile(r'("__id__": |")(\d+)(?=,|\n|\.np[yz]")')


class Estimator:
    """An estimator, with what the scores are to look like."""

    def __init__(self, model: Any, task: Task, classes: int) -> None:
        from sklearn.utils import get_tags

        self.model = model
        self.task = task
        self.classes = classes
        threads = require("threadpoolctl", extra="train", needed_by="this model")
        self._threads = threads.ThreadpoolController()
        self._takes_nulls = get_tags(model).input_tags.allow_nan

    def scores(self, matrix: Floats) -> Floats:
        """Return the scores of the rows; a null counts as zero for what takes none."""
        if not len(matrix):
            return np.zeros((0, self.classes) if self.task == "multiclass" else 0)
        limited = np.clip(matrix, -_LARGEST, _LARGEST)
        if not self._takes_nulls:
            limited = np.nan_to_num(limited, nan=0.0)
        # On one thread, which adds up in one order and does not wait for others; and without a
        # word on overflow in the sum by which it looks for infinities.
        with self._threads.limit(limits=1, user_api="openmp"), np.errstate(all="ignore"):
            return self._scores(limited)

    def _scores(self, limited: Floats) -> Floats:
        if self.task == "regression":
            return np.asarray(self.model.predict(limited), np.float64).reshape(len(limited))
        spread = self.spread(np.asarray(self.model.predict_proba(limited), np.float64))
        return spread[:, 1] if self.task == "binary" else spread

    def spread(self, shares: Floats) -> Floats:
        """Return a column a class, where the training rows may have lacked some."""
        if len(self.model.classes_) == self.classes:
            return shares
        whole = np.zeros((len(shares), self.classes))
        whole[:, np.asarray(self.model.classes_, np.int64)] = shares
        return whole

    def pack(self) -> bytes:
        """Return the estimator as a file that `load` reads; equal estimators make equal bytes."""
        skops = require("skops.io", extra="train", needed_by="packing a scikit-learn model")
        facts = {"task": self.task, "classes": self.classes, "model": self.model}
        return _canonical(skops.dumps(facts))


def load(data: bytes) -> Estimator:
    """Read what `pack` wrote.

    Raises:
        BundleError: the bytes are no estimator, or hold what is not scikit-learn's.
        MissingExtra: skops or scikit-learn is not installed.
    """
    skops = require("skops.io", extra="train", needed_by="this model")
    check_growth(data)
    try:
        unknown = skops.get_untrusted_types(data=data)
        foreign = [name for name in unknown if not is_class_of_sklearn(name)]
        found = {} if foreign else skops.loads(data, trusted=unknown)
    except Exception as exc:  # skops has no common base class
        raise BundleError(
            f"the scikit-learn model cannot be read: {exc or type(exc).__name__}", hint=_HINT
        ) from exc
    if foreign:
        raise BundleError(
            f"the model holds {foreign[0]!r}, which is no class of scikit-learn",
            hint="only scikit-learn's own classes are loaded; see docs/decisions/no-code.md",
        )
    check_estimator(found)
    return Estimator(found["model"], found["task"], found["classes"])


def is_class_of_sklearn(name: str) -> bool:
    """Return whether an import path means a class of scikit-learn that a model may hold."""
    module, _, attribute = name.rpartition(".")
    parts = module.split(".")
    if parts[0] != "sklearn" or _NOT_MODELS & set(parts):
        return False
    try:
        return isinstance(getattr(import_module(module), attribute, None), type)
    except ImportError:
        return False


def _canonical(data: bytes) -> bytes:
    """Return the archive with places for addresses in memory, and without the time of day."""
    places: dict[str, str] = {}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w") as written:
        schema = _NAMES.sub(
            lambda found: found[1] + places.setdefault(found[2], str(len(places))),
            archive.read("schema.json").decode(),
        )
        entries = {_renamed(n, places): archive.read(n) for n in archive.namelist()}
        for name, content in sorted({**entries, "schema.json": schema.encode()}.items()):
            written.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def _renamed(name: str, places: dict[str, str]) -> str:
    stem, _, suffix = name.partition(".")
    return f"{places.get(stem, stem)}.{suffix}"
