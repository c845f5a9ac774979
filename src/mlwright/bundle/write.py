"""Write a bundle: compile the model, prove the compiled one equal, and seal it under its hash."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle import manifest, original, parity
from mlwright.bundle.bundle import Bundle
from mlwright.bundle.calibration import Calibration, calibrated
from mlwright.bundle.compile import Compiled, compiled
from mlwright.bundle.foreign import (
    FOREIGN,
    RUNS_CODE,
    Foreign,
    ForeignModel,
    ForeignRuntime,
)
from mlwright.bundle.mlmodel import mlmodel
from mlwright.bundle.model import Model, Predictions
from mlwright.bundle.packages import requirements
from mlwright.bundle.plan import Plan, Row
from mlwright.bundle.runtimes import Runtime
from mlwright.bundle.sources import Source
from mlwright.bundle.trust import NOTHING, Trust
from mlwright.core.errors import BundleError, ConfigError
from mlwright.core.files import sync_folder
from mlwright.core.signature import Signature
from mlwright.core.workspace import checked_name

if TYPE_CHECKING:
    from mlwright.profile.profile import Profile

_TEMPORARY = ".writing-"


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """All that a bundle is made of. Equal drafts make bundles of equal hash.

    Attributes:
        name: what the model is called.
        signature: what it takes and gives.
        plan: how its columns become features.
        source: the fitted model.
        algorithm: the framework's name.
        profile: the summary of the training data.
        card: the model card, Markdown.
        check_columns: real rows, as `data.schema.columns` gives them, on which the compiled model
            is compared with the original; a few thousand are plenty.
        samples: a few real rows that a deployment sends as its smoke test.
        threshold: the score from which a binary model says the positive class.
        calibration: what the model's scores are turned into before anything is decided.
        meaning: what its scores turned out to mean, where they stay as they are.
        params: what the model was fitted with.
        metrics: part -> metric -> value, low, high, n.
        importance: each column's share.
        data: what is known of the training data; JSON.
        trust: what the user lets the model do, where it comes from elsewhere.
    """

    name: str
    signature: Signature
    plan: Plan
    source: Source
    algorithm: str
    profile: Profile
    card: str
    check_columns: Mapping[str, NDArray[Any]]
    samples: Sequence[Row] = ()
    threshold: float | None = None
    calibration: Calibration | None = None
    meaning: Calibration | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    importance: Mapping[str, float] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    trust: Trust = NOTHING


def write(draft: Draft, bundles: Path) -> Bundle:
    """Write the draft into the folder of bundles, under its hash, and open it.

    A bundle appears whole or not at all. One that is there already, undamaged, is left as it is.

    Raises:
        ConfigError: the name cannot be a model's, or the folder cannot be written.
        SignatureError: a sample does not fit the signature.
    """
    checked_name(draft.name, "model")
    if draft.source.runtime in FOREIGN.names():
        outcome = _as_it_is(draft)
    else:
        outcome = compiled(
            draft.source,
            draft.plan,
            draft.check_columns,
            draft.signature,
            threshold=draft.threshold,
            calibration=draft.calibration,
        )
    contents, beside = _contents(draft, outcome), _engines(draft, outcome)
    return place_files(_facts(draft, outcome), contents, bundles, beside=beside)


def place_files(
    facts: Mapping[str, Any],
    contents: Mapping[str, Any],
    bundles: Path,
    *,
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> Bundle:
    """Seal files into a bundle, put it into the folder of bundles, and open it.

    Args:
        facts: what the manifest says beside formats and hashes.
        contents: name -> bytes, or a value that is written as JSON.
        bundles: the folder.
        beside: files of the same kind that are not sealed; a bundle that is there keeps its own.

    Raises:
        ConfigError: the folder cannot be written.
    """
    sealed = manifest.seal(_encoded(contents), facts)
    try:
        return Bundle.open(_place({**sealed, **_encoded(beside)}, bundles))
    except OSError as exc:
        raise ConfigError(
            f"{bundles}: the bundle cannot be written: {exc.strerror}",
            hint="make room, or make the folder writable",
        ) from exc


def _encoded(files: Mapping[str, Any]) -> dict[str, bytes]:
    return {
        name: value if isinstance(value, bytes) else manifest.to_bytes(value)
        for name, value in files.items()
    }


def _facts(draft: Draft, outcome: Compiled) -> dict[str, Any]:
    return {
        "name": draft.name,
        "algorithm": draft.algorithm,
        "runtime": outcome.runtime,
        "model": outcome.file,
        "threshold": draft.threshold,
        "params": dict(draft.params),
        "metrics": dict(draft.metrics),
        "importance": dict(draft.importance),
        "data": dict(draft.data),
        "requirements": requirements(outcome.packages),
        "runs_code": outcome.runtime in RUNS_CODE,
        **({"original": original.facts(draft.source)} if _keeps_original(draft, outcome) else {}),
    }


def _contents(draft: Draft, outcome: Compiled) -> dict[str, Any]:
    model = _model(draft, outcome)
    packages = "".join(f"{package}\n" for package in requirements(outcome.packages))
    optional: dict[str, Any] = {}
    if draft.calibration:
        optional["calibration.json"] = draft.calibration.to_json()
    if draft.meaning:
        optional["meaning.json"] = draft.meaning.to_json()
    if _keeps_original(draft, outcome):
        optional[draft.source.file] = draft.source.data
    return {
        outcome.file: outcome.data,
        **optional,
        "signature.json": draft.signature.to_json(),
        "plan.json": draft.plan.to_json(),
        "profile.json": draft.profile.to_json(),
        "parity.json": outcome.parity,
        "samples.json": _samples(model, draft.samples),
        "card.md": draft.card.encode(),
        "requirements.txt": packages.encode(),
        "MLmodel": mlmodel(draft.signature).encode(),
    }


def _keeps_original(draft: Draft, outcome: Compiled) -> bool:
    return outcome.original is not None and draft.source.runtime in original.KEPT


def _engines(draft: Draft, outcome: Compiled) -> dict[str, Any]:
    """Return which engine is for whole tables, as measured here and now."""
    if outcome.original is None or not _keeps_original(draft, outcome):
        return {}
    engines = {outcome.runtime: outcome.model, draft.source.runtime: outcome.original}
    matrix = parity.real_rows(draft.plan, draft.check_columns, original.COUNTS[-1])
    return {manifest.MEASURED: original.measured(engines, matrix)}


def _as_it_is(draft: Draft) -> Compiled:
    source = draft.source
    given = Foreign(source.data, draft.signature, draft.params, draft.trust)
    loaded = FOREIGN.load(source.runtime)(given)
    proof = {"compiled": False, "reason": f"a {source.runtime} model runs as it is"}
    kept = cast(Runtime, loaded)  # `_model` knows that it takes columns
    return Compiled(source.runtime, source.file, source.data, source.packages, kept, proof)


def _model(draft: Draft, outcome: Compiled) -> Model:
    if outcome.runtime in FOREIGN.names():
        loaded = cast(ForeignRuntime, outcome.model)
        return ForeignModel(draft.signature, loaded, threshold=draft.threshold)
    runtime = calibrated(outcome.model, draft.calibration)
    return Model(draft.signature, draft.plan, runtime, threshold=draft.threshold)


def _samples(model: Model, rows: Sequence[Row]) -> list[dict[str, Any]]:
    model.check_rows(rows)
    answers = model.predict_rows(rows) if rows else Predictions([], np.empty(0))
    scored = zip(rows, answers.prediction, answers.scores.tolist(), strict=True)
    return [
        {
            "features": {name: row[name] for name in model.signature.names},
            "prediction": prediction,
            "score": score,
        }
        for row, prediction, score in scored
    ]


def _place(files: Mapping[str, bytes], bundles: Path) -> Path:
    target = bundles / files[manifest.SEAL].decode().strip()
    if _whole(target):
        return target
    bundles.mkdir(parents=True, exist_ok=True)
    _sweep(bundles)
    temporary = Path(tempfile.mkdtemp(dir=bundles, prefix=f"{_TEMPORARY}{os.getpid()}-"))
    try:
        temporary.chmod(0o755)
        for name, data in files.items():
            _write_through(temporary / name, data)
        sync_folder(temporary)
        shutil.rmtree(target, ignore_errors=True)  # only a damaged one can be there
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        if not _whole(target):  # else another process wrote the same bundle meanwhile
            raise
    sync_folder(bundles)
    return target


def _whole(target: Path) -> bool:
    try:
        manifest.read(target)
    except BundleError:
        return False
    return True


def _write_through(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sweep(bundles: Path) -> None:
    """Remove what writers that were killed have left."""
    for leftover in bundles.glob(f"{_TEMPORARY}*"):
        pid = leftover.name.removeprefix(_TEMPORARY).partition("-")[0]
        if pid.isdecimal() and not _alive(int(pid)):
            shutil.rmtree(leftover, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
