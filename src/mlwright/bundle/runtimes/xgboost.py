"""An XGBoost booster in XGBoost's own library: the original that a compiled one stands for.

The library is spoken to by its C functions. Its Python package loads scikit-learn and pandas with
it where they are installed: 160 MB and more than a second, that no prediction needs.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import json
import weakref
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.forests.sound import xgboost_model
from mlwright.core.backends import require
from mlwright.core.errors import BundleError

Floats = NDArray[np.float64]

_LARGEST = float(np.finfo(np.float32).max)
_HINT = "package the model again"
_VALUE, _CONTRIBUTIONS = 0, 2
_MISSING = json.dumps({"missing": float("nan"), "nthread": 1}).encode()


class Booster:
    """A booster, by its handle in the library; more than two classes score one number each."""

    def __init__(self, handle: ctypes.c_void_p, classes: int) -> None:
        self._handle = handle
        self._shape = (classes,) if classes > 1 else ()

    def scores(self, matrix: Floats) -> Floats:
        """Return the scores of the rows."""
        if not len(matrix):
            return np.zeros((0, *self._shape))
        wide = self._predicted(matrix, _VALUE, strict=False)
        return wide / wide.sum(axis=1, keepdims=True) if self._shape else wide

    def contributions(self, matrix: Floats) -> Floats:
        """Return what each feature added (Lundberg and Lee 2017); see `explain.Explains`."""
        return self._predicted(matrix, _CONTRIBUTIONS, strict=True)

    def _predicted(self, matrix: Floats, kind: int, *, strict: bool) -> Floats:
        # XGBoost refuses infinities, which larger doubles would become in single precision.
        limited = np.clip(matrix, -_LARGEST, _LARGEST).astype(np.float32, order="C")
        asked = {"type": kind, "training": False, "iteration_begin": 0, "iteration_end": 0}
        table, shape = ctypes.c_void_p(), ctypes.POINTER(ctypes.c_uint64)()
        dimensions, found = ctypes.c_uint64(), ctypes.POINTER(ctypes.c_float)()
        _call("XGDMatrixCreateFromDense", _described(limited), _MISSING, ctypes.byref(table))
        try:
            _call(
                "XGBoosterPredictFromDMatrix",
                self._handle,
                table,
                json.dumps({**asked, "strict_shape": strict}).encode(),
                ctypes.byref(shape),
                ctypes.byref(dimensions),
                ctypes.byref(found),
            )
            sizes = tuple(shape[i] for i in range(dimensions.value))
            return np.ctypeslib.as_array(found, sizes).astype(np.float64)  # theirs is used again
        finally:
            _call("XGDMatrixFree", table)


class LibraryError(Exception):
    """XGBoost refused a call; its first line says why."""


def load(data: bytes) -> Booster:
    """Read a booster from XGBoost's JSON format.

    Raises:
        BundleError: the bytes are not an XGBoost model.
        MissingExtra: XGBoost is not installed.
    """
    _library()
    # Looked at first, for XGBoost ends the process over some files that are no model.
    try:
        model = json.loads(data, object_pairs_hook=_once)
        xgboost_model(model)
        classes = int(model["learner"]["learner_model_param"]["num_class"])
        handle = ctypes.c_void_p()
        _call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(handle))
        booster = Booster(handle, classes)
        weakref.finalize(booster, _call, "XGBoosterFree", handle)
        _call("XGBoosterSetParam", handle, b"nthread", b"1")
        _call("XGBoosterLoadModelFromBuffer", handle, data, ctypes.c_uint64(len(data)))
    except (ValueError, KeyError, TypeError, LibraryError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else "it is empty"
        raise BundleError(f"the XGBoost model cannot be read: {reason}", hint=_HINT) from exc
    return booster


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; one with a key that stands twice XGBoost may read otherwise."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _call(name: str, *arguments: Any) -> None:
    library = _library()
    if getattr(library, name)(*arguments):
        raise LibraryError(library.XGBGetLastError().decode(errors="replace"))


def _described(table: NDArray[np.float32]) -> bytes:
    """Return where a table lies, as NumPy's array interface says it."""
    about = table.__array_interface__
    return json.dumps({**about, "strides": None, "version": 3}).encode()


@functools.cache
def _library() -> ctypes.CDLL:
    """Return XGBoost's shared library, found by its package's own words for where it lies.

    Raises:
        MissingExtra: XGBoost is not installed.
    """
    spec = importlib.util.find_spec("xgboost")
    if spec is None or spec.origin is None:
        require("xgboost", extra="xgboost", needed_by="this model")
        raise AssertionError("a package that is imported has a place")
    loader = SourceFileLoader("libpath", str(Path(spec.origin).with_name("libpath.py")))
    places = ModuleType("libpath")
    places.__file__ = loader.path
    loader.exec_module(places)
    library = ctypes.CDLL(places.find_lib_path()[0])
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library
