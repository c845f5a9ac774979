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
from mlwright.bundle.runtimes.network import LIMIT, Network
from mlwright.bundle.sources import ExportedSource, NetworkSource
from mlwright.core.errors import ConfigError
from mlwright.train.features import Style
from mlwright.train.frameworks import FloatArray, Framework, Params, Problem, Rows, cut_rounds
from mlwright.train.frameworks.dense import LINKS, dense_params, even, scaling
from mlwright.train.frameworks.progress import Progress
from mlwright.train.frameworks.shuffling import moved

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
    ) -> FittedKeras:
        """Fit until `valid` no longer gains, or for exactly `rounds` epochs."""
        with _ONE_AT_A_TIME, _placed(problem.device):
            return _Fit(problem, train, params).run(valid, rounds)


@dataclass(frozen=True, slots=True, eq=False)
class FittedKeras:
    """The dense layers, the model of Keras that they are of, and how many epochs it took."""

    layers: NetworkSource
    original: _Original
    few: FloatArray
    rounds: int
    cut: str = ""

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""
        return Network(self.layers).scores(matrix)

    def importance(self) -> FloatArray:
        """Return how far scores move when a feature is shuffled."""
        return moved(self.scores, self.few)

    def source(self) -> ExportedSource:
        """Return the dense layers, to be compared with Keras."""
        layers = self.layers
        return ExportedSource(
            layers.runtime,
            layers.file,
            layers.data,
            layers.packages,
            self.original,
            _TOLERANCE,
            _COMPARED_ROWS,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Original:
    """The model of Keras, and what turns its output into scores."""

    model: Any
    task: str
    center: float
    scale: float

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return the scores of rows as Keras computes them."""
        output = np.asarray(self.model(_clipped(matrix), training=False), np.float64)
        link = RUNTIME_LINKS[LINKS[self.task]]
        return link(
            output if self.task == "multiclass" else output[:, 0] * self.scale + self.center
        )


class _Fit:
    """One fitting: the rows, and the network as it comes along."""

    def __init__(self, problem: Problem, train: Rows, params: Params) -> None:
        if train.weights is not None:
            train = train.take(train.weights > 0)
        self.problem, self.params = problem, params
        self.center, self.scale = scaling(problem, train)
        self.few = train.matrix[:1000]
        self.rows = self._arrays(train)
        self.model = _network(train.matrix.shape[1], problem, params)

    def run(self, valid: Rows | None, rounds: int | None) -> FittedKeras:
        """Run the epochs; keep the best by `valid`, else the last."""
        held = None if valid is None else self._arrays(valid)
        most = rounds or int(self.params["rounds"])
        progress = Progress(self.problem.say, "keras", most)
        rng = np.random.default_rng(self.problem.seed)
        best, lowest, done = 0, np.inf, 0
        kept = self.model.get_weights()
        for done in range(1, most + 1):
            self._epoch(rng)
            loss = lowest if held is None else float(self.model.test_on_batch(*held))
            if held is None or loss < lowest:
                best, lowest, kept = done, loss, self.model.get_weights()
            if self.problem.late() or done - best >= self.params["early_stopping_rounds"]:
                break
            progress.step(done)
        self.model.set_weights(kept)
        cut = cut_rounds(self.problem, done, most)
        original = _Original(self.model, self.problem.task, self.center, self.scale)
        return FittedKeras(self._layers(kept), original, self.few, max(best, 1), cut)

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
        last, bias = dense[-1]
        dense[-1] = last * self.scale, bias * self.scale + self.center
        return NetworkSource(dense, LINKS[self.problem.task])

    def _arrays(self, rows: Rows) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        target: NDArray[Any] = rows.target
        if self.problem.task != "multiclass":
            target = ((target - self.center) / self.scale).astype(np.float32)
        return _clipped(rows.matrix), target, even(rows)


def _clipped(matrix: FloatArray) -> NDArray[np.float32]:
    return np.clip(matrix, -LIMIT, LIMIT).astype(np.float32)


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
