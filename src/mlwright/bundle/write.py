"""Write a bundle: compile the model, prove the compiled one equal, and seal it under its hash."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle import manifest
from mlwright.bundle.bundle import Bundle
from mlwright.bundle.calibration import Calibration, calibrated
from mlwright.bundle.compile import Compiled, compiled, requirements
from mlwright.bundle.mlmodel import mlmodel
from mlwright.bundle.model import Model, Predictions
from mlwright.bundle.plan import Plan, Row
from mlwright.bundle.sources import Source
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
        params: what the model was fitted with.
        metrics: part -> metric -> value, low, high, n.
        importance: each column's share.
        data: what is known of the training data; JSON.
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
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    importance: Mapping[str, float] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


def write(draft: Draft, bundles: Path) -> Bundle:
    """Write the draft into the folder of bundles, under its hash, and open it.

    A bundle appears whole or not at all. One that is there already, undamaged, is left as it is.

    Raises:
        ConfigError: the name cannot be a model's, or the folder cannot be written.
        SignatureError: a sample does not fit the signature.
    """
    checked_name(draft.name, "model")
    outcome = compiled(
        draft.source,
        draft.plan,
        draft.check_columns,
        draft.signature,
        threshold=draft.threshold,
        calibration=draft.calibration,
    )
    return place_files(_facts(draft, outcome), _contents(draft, outcome), bundles)


def place_files(facts: Mapping[str, Any], contents: Mapping[str, Any], bundles: Path) -> Bundle:
    """Seal files into a bundle, put it into the folder of bundles, and open it.

    Args:
        facts: what the manifest says beside formats and hashes.
        contents: name -> bytes, or a value that is written as JSON.
        bundles: the folder.

    Raises:
        ConfigError: the folder cannot be written.
    """
    encoded = {
        name: value if isinstance(value, bytes) else manifest.to_bytes(value)
        for name, value in contents.items()
    }
    try:
        return Bundle.open(_place(manifest.seal(encoded, facts), bundles))
    except OSError as exc:
        raise ConfigError(
            f"{bundles}: the bundle cannot be written: {exc.strerror}",
            hint="make room, or make the folder writable",
        ) from exc


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
        "runs_code": False,
    }


def _contents(draft: Draft, outcome: Compiled) -> dict[str, Any]:
    runtime = calibrated(outcome.model, draft.calibration)
    model = Model(draft.signature, draft.plan, runtime, threshold=draft.threshold)
    packages = "".join(f"{package}\n" for package in requirements(outcome.packages))
    optional = {"calibration.json": draft.calibration.to_json()} if draft.calibration else {}
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
