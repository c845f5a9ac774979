"""TorchScript of a linear model or a network, and the file of one that came as TorchScript."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.export import Exported, plans
from mlwright.bundle.runtimes.network import LIMIT
from mlwright.bundle.sources import LinearSource, Link, NetworkSource
from mlwright.core.backends import require
from mlwright.core.errors import BundleError
from mlwright.core.files import write_atomic

_ENDS: dict[Link, str] = {"identity": "Identity", "logistic": "Sigmoid", "softmax": "Softmax"}


def write(bundle: Bundle, path: Path) -> Exported:
    """Write TorchScript; what was made here takes float64 features and gives the scores.

    Raises:
        BundleError: the model is of another kind.
        MissingExtra: torch is not installed.
    """
    data = bundle.files[bundle.facts["model"]]
    if bundle.runtime == "torchscript":
        write_atomic(path, data)
        return Exported((path,), ("it is the file that was packaged",))
    layers, link, limit = _layers(bundle, data)
    torch = require("torch", extra="torch", needed_by="TorchScript")
    write_atomic(path, _scripted(_sequence(layers, link, torch, limit=limit), torch))
    plan = plans.beside(bundle, path)
    return Exported((path, plan), (plans.note(plan),))


def _layers(bundle: Bundle, data: bytes) -> tuple[Any, Link, float | None]:
    if bundle.runtime == "network":
        network = NetworkSource.from_bytes(data)
        return network.layers, network.link, LIMIT
    if bundle.runtime == "linear":
        linear = LinearSource.from_json(json.loads(data))
        weight = np.atleast_2d(linear.coefficients).T
        return [(weight, np.atleast_1d(linear.intercept))], linear.link, None
    raise BundleError(
        f"a model that runs on {bundle.runtime} is no network that TorchScript could hold",
        hint="mlwright models export --format onnx holds trees too",
    )


def _sequence(layers: Any, link: Link, torch: Any, *, limit: float | None) -> Any:
    nn = torch.nn
    parts = [nn.Hardtanh(-limit, limit)] if limit is not None else []
    for place, (weight, bias) in enumerate(layers):
        dense = nn.Linear(*weight.shape, dtype=torch.float64)
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
            dense.bias.copy_(torch.from_numpy(np.asarray(bias, np.float64)))
        parts += [dense, nn.ReLU()] if place < len(layers) - 1 else [dense]
    parts.append(nn.Softmax(dim=1) if link == "softmax" else getattr(nn, _ENDS[link])())
    if link != "softmax":
        parts.append(nn.Flatten(0))
    return nn.Sequential(*parts).eval()


def _scripted(module: Any, torch: Any) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        # torch advises torch.export, whose files TorchScript's readers do not take.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(module), file)
    return file.getvalue()
