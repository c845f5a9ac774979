"""A small network by Keras on TensorFlow: dense layers, early stopping, on CPU, GPU or TPU.

Keras fits it and is then done with: the bundle holds the weights of its layers, which numpy runs.
The TPU is Keras' own strategy; it has not been tested here.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# Read at import: a CPU then adds up in one order, and says nothing of how it does.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mlwright.bundle.runtimes.linear import LINKS as RUNTIME_LINKS
from mlwright.bundle.sources import ExportedSource, NetworkSource
from mlwright.core.errors import ConfigError
from mlwright.train.features import Style
from mlwright.train.frameworks import FloatArray, Framework, Params, Problem, Rows
from mlwright.train.frameworks.dense import (
    LINKS,
    FittedDense,
    Scale,
    clipped,
    dense_params,
    fit_epochs,
    weighing,
)

_ONE_AT_A_TIME = threading.Lock()
"""Keras' own state belongs to the process, so that fits of several threads take turns."""

_TOLERANCE = 1e-4
_COMPARED_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Keras:
    """Rectified layers of one width; on a CPU the same rows and seed give the same network."""

    style: Style = "linear"
    early_stops: bool = True
    monotone: bool = False

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return the network's shape and how it is fitted; `rounds` is the most epochs."""
        return dense_params(given, algorithm="keras", rows=rows)

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> FittedDense:
        """Fit until `valid` no longer gains, or for exactly `rounds` epochs."""
        with _ONE_AT_A_TIME, _placed(problem.device):
            return _Fit(problem, train, params).run(valid, rounds)


@dataclass(frozen=True, slots=True, eq=False)
class _Original:
    """The model of Keras, and what turns its output into scores."""

    model: Any
    task: str
    scale: Scale

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return the scores of rows as Keras computes them."""
        output = np.asarray(self.model(clipped(matrix), training=False), np.float64)
        link = RUNTIME_LINKS[LINKS[self.task]]
        if self.task == "multiclass":
            return link(output)
        return link(output[:, 0] * self.scale.spread + self.scale.center)


class _Fit:
    """One fitting: the rows, and the network as it comes along."""

    def __init__(self, problem: Problem, train: Rows, params: Params) -> None:
        train = weighing(train)
        self.problem, self.params = problem, params
        self.scale = Scale(problem, train)
        self.few = train.matrix[:1000]
        self.rows = self.scale.arrays(train)
        self.model = _network(train.matrix.shape[1], problem, params)

    def run(self, valid: Rows | None, rounds: int | None) -> FittedDense:
        """Run the epochs; keep the best by `valid`, else the last."""
        held = None if valid is None else self.scale.arrays(valid)
        rng = np.random.default_rng(self.problem.seed)
        kept = fit_epochs(
            self.problem,
            self.params,
            rounds,
            algorithm="keras",
            epoch=lambda: self._epoch(rng),
            loss=None if held is None else lambda: float(self.model.test_on_batch(*held)),
            weights=self.model.get_weights,
        )
        self.model.set_weights(kept.weights)
        layers = self._layers(kept.weights)
        exported = ExportedSource(
            layers.runtime,
            layers.file,
            layers.data,
            layers.packages,
            _Original(self.model, self.problem.task, self.scale),
            _TOLERANCE,
            _COMPARED_ROWS,
        )
        return FittedDense(layers, self.few, kept.rounds, kept.cut, exported)

    def _epoch(self, rng: np.random.Generator) -> None:
        x, y, weights = self.rows
        order = rng.permutation(len(y))
        for start in range(0, len(y), self.params["batch"]):
            if self.problem.late():
                return
            part = order[start : start + self.params["batch"]]
            self.model.train_on_batch(x[part], y[part], sample_weight=weights[part])

    def _layers(self, weights: list[NDArray[Any]]) -> NetworkSource:
        dense = [
            (np.asarray(weight, np.float64), np.asarray(bias, np.float64))
            for weight, bias in zip(weights[::2], weights[1::2], strict=True)
        ]
        return NetworkSource(self.scale.back(dense), LINKS[self.problem.task])


def _network(features: int, problem: Problem, params: Params) -> Any:
    """Return the network, whose layers draw their chance from seeds of their own."""
    seeds = iter(range(1000 * problem.seed, 1000 * (problem.seed + 1)))
    values = given = keras.Input((features,))
    for _ in range(params["layers"]):
        start = keras.initializers.HeUniform(seed=next(seeds))
        values = keras.layers.Dense(params["hidden"], activation="relu", kernel_initializer=start)(
            values
        )
        values = keras.layers.Dropout(params["dropout"], seed=next(seeds))(values)
    outputs = problem.classes if problem.task == "multiclass" else 1
    start = keras.initializers.GlorotUniform(seed=next(seeds))
    model = keras.Model(given, keras.layers.Dense(outputs, kernel_initializer=start)(values))
    model.compile(
        optimizer=keras.optimizers.AdamW(
            learning_rate=params["learning_rate"], weight_decay=params["weight_decay"]
        ),
        loss=_LOSSES[problem.task](),
    )
    return model


_LOSSES: dict[str, Callable[[], Any]] = {
    "binary": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "multiclass": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "regression": keras.losses.MeanSquaredError,
}


def _placed(wanted: str) -> Any:
    """Return the place where a network is made and fitted.

    Raises:
        ConfigError: TensorFlow does not find it.
    """
    if wanted == "tpu":
        return _tpu().scope()
    if wanted == "cuda" and not tf.config.list_physical_devices("GPU"):
        raise _absent("cuda", "TensorFlow for CUDA")
    return tf.device("/CPU:0") if wanted == "cpu" else contextlib.nullcontext()


def _tpu() -> Any:
    try:
        found = tf.distribute.cluster_resolver.TPUClusterResolver(tpu="local")
        tf.config.experimental_connect_to_cluster(found)
        tf.tpu.experimental.initialize_tpu_system(found)
        return tf.distribute.TPUStrategy(found)
    except Exception as exc:  # TensorFlow has many, and none is narrower
        raise _absent("tpu", "TensorFlow for TPU on a TPU's machine") from exc


def _absent(device: str, package: str) -> ConfigError:
    return ConfigError(
        f"device {device} was asked for, and TensorFlow finds none here",
        hint=f"leave --device at auto, or install {package}",
    )


FRAMEWORK: Framework = Keras()
