"""Turn a fitted model into what a bundle runs: the compiled form where it is proved equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mlwright.bundle import forests, parity
from mlwright.bundle.calibration import Calibration, calibrated
from mlwright.bundle.plan import Plan
from mlwright.bundle.runtimes import RUNTIMES, Runtime
from mlwright.bundle.sources import ExportedSource, Source
from mlwright.bundle.trees import CannotCompile, thresholds, to_onnx
from mlwright.core.errors import BundleError
from mlwright.core.signature import Signature


@dataclass(frozen=True, slots=True)
class Compiled:
    """The model's file, what runs it and which packages that takes, and the proof.

    `original` is the fitted model that was compiled.
    """

    runtime: str
    file: str
    data: bytes
    packages: tuple[str, ...]
    model: Runtime
    parity: dict[str, Any]
    original: Runtime | None = None


def compiled(
    source: Source,
    plan: Plan,
    columns: Mapping[str, NDArray[Any]],
    signature: Signature,
    *,
    threshold: float | None,
    calibration: Calibration | None = None,
) -> Compiled:
    """Compile a model, or keep the original where the compiled one does not equal it.

    A model that its framework has exported itself is compared with the fitted one.

    Args:
        source: the fitted model.
        plan: the encoding of its columns.
        columns: real rows to compare on.
        signature: the model's inputs and outputs.
        threshold: the score from which a binary model says the positive class.
        calibration: what the scores are turned into before they are compared.

    Raises:
        BundleError: an exported model is not equal to the fitted one.
    """
    data = source.data
    original = RUNTIMES.load(source.runtime)(data)

    def kept(facts: Mapping[str, Any]) -> Compiled:
        proof = {"compiled": False, **facts}
        return Compiled(source.runtime, source.file, data, source.packages, original, proof)

    if isinstance(source, ExportedSource):
        return kept(_exported(source, original, plan, columns, signature, threshold, calibration))
    read = forests.reader(source.runtime)
    if read is None:
        return kept({"reason": f"a {source.runtime} model runs as it is"})
    try:
        forest = read(data)
        graph = to_onnx(forest, len(plan.features))
        model = RUNTIMES.load("onnx")(graph)
    except (CannotCompile, BundleError) as exc:
        return kept({"reason": str(exc)})
    proof = parity.compare(
        calibrated(original, calibration),
        calibrated(model, calibration),
        real=parity.real_rows(plan, columns),
        edges=parity.edge_rows(plan, columns, thresholds(forest)),
        signature=signature,
        threshold=threshold,
    )
    if not proof.passed:
        return kept(proof.to_json())
    proved = {"compiled": True, **proof.to_json()}
    packages = ("numpy", "onnxruntime")
    return Compiled("onnx", "model.onnx", graph, packages, model, proved, original)


def _exported(
    source: ExportedSource,
    model: Runtime,
    plan: Plan,
    columns: Mapping[str, NDArray[Any]],
    signature: Signature,
    threshold: float | None,
    calibration: Calibration | None,
) -> dict[str, Any]:
    """Compare an exported model with the fitted one, which is not kept and cannot stand in for it.

    Raises:
        BundleError: they are not equal.
    """
    proof = parity.compare(
        calibrated(source.original, calibration),
        calibrated(model, calibration),
        real=parity.real_rows(plan, columns, source.rows),
        edges=parity.edge_rows(plan, columns, ()),
        signature=signature,
        threshold=threshold,
        tolerance=source.tolerance,
    )
    if not proof.passed:
        raise BundleError(
            f"the exported model is not the one that was fitted: {proof.reason}",
            hint="report it with the versions of the libraries, `mlwright doctor` prints them",
        )
    return {"compiled": True, **proof.to_json()}
