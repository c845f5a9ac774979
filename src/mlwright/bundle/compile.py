"""Turn a fitted model into what a bundle runs: the compiled form where it is proved equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from numpy.typing import NDArray

from mlwright.bundle import parity
from mlwright.bundle.manifest import to_bytes
from mlwright.bundle.plan import Plan
from mlwright.bundle.runtimes import RUNTIMES, Runtime
from mlwright.bundle.sources import LightGBMSource, LinearSource, Source
from mlwright.bundle.trees import CannotCompile, thresholds, to_onnx
from mlwright.core.errors import BundleError
from mlwright.core.signature import Signature

_PACKAGES = {
    "linear": ("numpy",),
    "onnx": ("numpy", "onnxruntime"),
    "lightgbm": ("lightgbm", "numpy"),
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """The model's file, what runs it, and the proof."""

    runtime: str
    file: str
    data: bytes
    model: Runtime
    parity: dict[str, Any]


def compiled(
    source: Source,
    plan: Plan,
    columns: Mapping[str, NDArray[Any]],
    signature: Signature,
    *,
    threshold: float | None,
) -> Compiled:
    """Compile a model, or keep the original where the compiled one does not equal it.

    Args:
        source: the fitted model.
        plan: the encoding of its columns.
        columns: real rows to compare on.
        signature: the model's inputs and outputs.
        threshold: the score from which a binary model says the positive class.
    """
    if isinstance(source, LinearSource):
        why = "a linear model runs as it is"
        return _original("linear", "model.json", to_bytes(source.to_json()), {"reason": why})
    return _booster(source, plan, columns, signature, threshold)


def requirements(runtime: str) -> list[str]:
    """Return the exact packages that a runtime needs, as installed here."""
    return [f"{name}=={version(name)}" for name in ("mlwright", *_PACKAGES[runtime])]


def _original(runtime: str, file: str, data: bytes, facts: Mapping[str, Any]) -> Compiled:
    model = RUNTIMES.load(runtime)(data)
    return Compiled(runtime, file, data, model, {"compiled": False, **facts})


def _booster(
    source: LightGBMSource,
    plan: Plan,
    columns: Mapping[str, NDArray[Any]],
    signature: Signature,
    threshold: float | None,
) -> Compiled:
    original = _original("lightgbm", "model.txt", source.text.encode(), {})
    try:
        data = to_onnx(source.text, len(plan.features))
        model = RUNTIMES.load("onnx")(data)
    except (CannotCompile, BundleError) as exc:
        return _original(original.runtime, original.file, original.data, {"reason": str(exc)})
    proof = parity.compare(
        original.model,
        model,
        real=parity.real_rows(plan, columns),
        edges=parity.edge_rows(plan, columns, thresholds(source.text)),
        signature=signature,
        threshold=threshold,
    )
    if not proof.passed:
        return _original(original.runtime, original.file, original.data, proof.to_json())
    return Compiled("onnx", "model.onnx", data, model, {"compiled": True, **proof.to_json()})
