"""A network as TensorFlow's SavedModel, for whoever serves it there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from mlwright.bundle.runtimes.network import LIMIT
from mlwright.bundle.sources import Link, NetworkSource
from mlwright.core.backends import require

_ACTIVATIONS: dict[Link, str] = {
    "identity": "linear",
    "logistic": "sigmoid",
    "softmax": "softmax",
}


def write_saved_model(network: NetworkSource, folder: Path) -> None:
    """Write the network as a SavedModel whose `serve` takes float64 features (n, features).

    It gives P(positive) (n, 1), a probability a class (n, k), or the value (n, 1). Loading a
    SavedModel elsewhere runs the graph in it; nothing here loads one.

    Args:
        network: the layers, as the bundle of a `keras` or `neural_network` model holds them.
        folder: the folder to write, which may exist.

    Raises:
        MissingExtra: TensorFlow is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    require("tensorflow", extra="keras", needed_by="a SavedModel")
    keras_model(network).export(folder, format="tf_saved_model", verbose=False)


def keras_model(network: NetworkSource) -> Any:
    """Return the network as a model of Keras, in double precision."""
    keras = require("keras", extra="keras", needed_by="a SavedModel")
    first, last = network.layers[0][0], len(network.layers) - 1
    given = keras.Input((first.shape[0],), dtype="float64", name="features")
    values = keras.ops.clip(given, -LIMIT, LIMIT)
    dense = []
    for place, (weight, _) in enumerate(network.layers):
        activation = _ACTIVATIONS[network.link] if place == last else "relu"
        dense.append(keras.layers.Dense(weight.shape[1], activation=activation, dtype="float64"))
        values = dense[-1](values)
    model = keras.Model(given, values)
    for layer, (weight, bias) in zip(dense, network.layers, strict=True):
        layer.set_weights([np.asarray(weight), np.asarray(bias)])
    return model
