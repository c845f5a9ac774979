"""A version that is broken on purpose: sound in its tests, failing for one customer in five.

No code is smuggled into a bundle for this. The compiled graph gets a look-up that runs out of its
table when the customer's tenure is among the highest fifth, as a real slip in a lookup would; the
bundle's sample rows hold no such customer, so that its smoke test cannot see it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.write import place_files
from mlwright.core.errors import BundleError, MissingExtra

COLUMN = "tenure"
_SHARE = 0.8


def broken(bundle: Bundle, customers: pl.DataFrame, bundles: Path) -> Bundle:
    """Return a bundle like this one that fails for the customers with the longest tenure.

    Raises:
        BundleError: the bundle does not run on ONNX Runtime, so that its graph cannot be edited.
    """
    if bundle.runtime != "onnx":
        raise BundleError("only a compiled bundle can be broken in this way")
    limit = float(customers[COLUMN].quantile(_SHARE) or 0)
    files = dict(bundle.files)
    name = str(bundle.facts["model"])
    files[name] = _with_fault(files[name], bundle.plan.features.index(COLUMN), limit)
    sound = [sample for sample in bundle.samples if sample["features"][COLUMN] <= limit]
    return place_files(bundle.facts, {**files, "samples.json": sound}, bundles)


def _with_fault(model: bytes, feature: int, limit: float) -> bytes:
    try:
        import onnx
    except ModuleNotFoundError as exc:
        raise MissingExtra(
            "the broken version needs the package 'onnx'", hint="pip install 'mlwright[train]'"
        ) from exc
    made = onnx.load_model_from_string(model)
    graph, node = made.graph, onnx.helper.make_node
    for step in graph.node:
        step.output[:] = ["sound_scores" if name == "scores" else name for name in step.output]
    constants = {
        "fault_feature": np.array([feature], np.int64),
        "fault_limit": np.array([limit], np.float64),
        "fault_table": np.zeros(1, np.float64),
        "fault_axis": np.array([1], np.int64),
    }
    graph.initializer.extend(
        onnx.numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    graph.node.extend(
        [
            node("Gather", ["x", "fault_feature"], ["fault_value"], axis=1),
            node("Greater", ["fault_value", "fault_limit"], ["fault_above"]),
            node("Cast", ["fault_above"], ["fault_index"], to=onnx.TensorProto.INT64),
            node("Gather", ["fault_table", "fault_index"], ["fault_zeros"]),
            node("Squeeze", ["fault_zeros", "fault_axis"], ["fault_zero"]),
            node("Add", ["sound_scores", "fault_zero"], ["scores"]),
        ]
    )
    done: bytes = made.SerializeToString()
    return done
