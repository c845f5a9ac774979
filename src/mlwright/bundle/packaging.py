"""Package a model that was made elsewhere, or here before: sealed, registered, ready to deploy."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlwright.bundle import manifest
from mlwright.bundle.bundle import Bundle
from mlwright.bundle.foreign import RUNS_CODE
from mlwright.bundle.imports import IMPORTERS
from mlwright.bundle.imports.asked import Asked, Incoming
from mlwright.bundle.imports.drafting import drafted
from mlwright.bundle.imports.kinds import BUNDLE, MLFLOW_SCHEMES, kind_of
from mlwright.bundle.write import place_files, write
from mlwright.core.errors import ConfigError, NotFound
from mlwright.core.signature import Signature
from mlwright.core.workspace import Workspace, checked_name
from mlwright.stats.intervals import Interval
from mlwright.track import mirror, models, records

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Packaged:
    """What came of it."""

    version: models.ModelVersion
    bundle: Bundle
    source: str
    metrics: dict[str, Interval] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the result as a JSON object."""
        return {
            "model": self.version.model,
            "version": self.version.version,
            "bundle": str(self.bundle.path),
            "hash": self.bundle.hash,
            "source": self.source,
            "algorithm": self.bundle.algorithm,
            "runtime": self.bundle.runtime,
            "runs_code": self.bundle.runs_code,
            "compiled": bool(self.bundle.parity.get("compiled")),
            "signature": self.bundle.signature.to_json(),
            "metrics": {"reference": {name: each.to_json() for name, each in self.metrics.items()}},
            "notes": list(self.notes),
        }


def package(
    workspace: Workspace,
    source: str,
    *,
    name: str | None = None,
    asked: Asked,
    say: Say = lambda _: None,
) -> Packaged:
    """Package a source, and register it as the next version of a model.

    Args:
        workspace: where the bundle and the version are kept.
        source: a run's id, a MODEL, a bundle's folder, a file of a kind that `IMPORTERS` knows, an
            MLflow URI or folder, `path/to/model.py:Class`, or the address of an endpoint.
        name: what the model is called; by default what the source is called.
        asked: what the user says of it.
        say: takes a line a step.

    Raises:
        BundleError: it cannot be read, or is not trusted.
        ConfigError: something must be said that nothing says; or the name is of another model.
        NotFound: there is no such source.
        DataError: the reference does not fit the model.
    """
    kind = kind_of(source)
    called = checked_name(name or _name_of(source, kind), "model")
    if kind is None or kind == BUNDLE:
        bundle = _renamed(_known(workspace, source, asked), called, workspace.bundles)
        return _registered(workspace, called, bundle, source, {}, ())
    with tempfile.TemporaryDirectory(prefix="mlw-") as folder:
        where = source
        if kind == "mlflow" and source.split(":", 1)[0] in MLFLOW_SCHEMES:
            say(f"fetching {source}")
            where = str(mirror.fetch(workspace, source, Path(folder)))
            kind = kind_of(where)
            if kind == BUNDLE:
                opened = Bundle.open(Path(where), ignore=_beside(Path(where)), trust=asked.trust)
                bundle = _renamed(opened, called, workspace.bundles)
                return _registered(workspace, called, bundle, source, {}, ())
        assert kind is not None  # noqa: S101  # a folder has a kind
        say(f"reading {_shown(source)} ({kind})")
        incoming = IMPORTERS.load(kind)(where, asked)
    return _packaged(workspace, called, source, incoming, asked, say)


def _packaged(
    workspace: Workspace, name: str, source: str, incoming: Incoming, asked: Asked, say: Say
) -> Packaged:
    if incoming.source.runtime in RUNS_CODE:
        asked.trust.check_code(hashlib.sha256(incoming.source.data).hexdigest(), source)
    _check_successor(workspace, name, incoming.signature)
    made, metrics = drafted(name, _shown(source), incoming, asked, say)
    say("packaging: compile where it can be, compare with the original, seal")
    bundle = replace(write(made, workspace.bundles), trust=asked.trust)
    return _registered(workspace, name, bundle, _shown(source), metrics, incoming.notes)


def _registered(
    workspace: Workspace,
    name: str,
    bundle: Bundle,
    source: str,
    metrics: dict[str, Interval],
    notes: tuple[str, ...],
) -> Packaged:
    _check_successor(workspace, name, bundle.signature)
    return Packaged(models.register(workspace, name, bundle), bundle, source, metrics, notes)


def _check_successor(workspace: Workspace, name: str, signature: Signature) -> None:
    """Refuse a version that takes or answers something else than the ones before it."""
    try:
        before = models.versions(workspace, name)[-1]
    except NotFound:
        return
    known = Bundle.open(before.bundle).signature
    if (set(known.names), known.task) != (set(signature.names), signature.task):
        raise ConfigError(
            f"{before} takes other columns or predicts something else than this model",
            hint="package it under a --name of its own",
        )


def _known(workspace: Workspace, source: str, asked: Asked) -> Bundle:
    """Return the bundle of a folder, a MODEL or a run."""
    folder = Path(source)
    if folder.is_dir():
        return Bundle.open(folder, ignore=_beside(folder), trust=asked.trust)
    try:
        found: models.ModelVersion | None = models.resolve(workspace, source)
    except NotFound as no_model:
        try:
            run = records.find_run(workspace, source)
        except NotFound:
            raise no_model from None
        found = records.version_of(workspace, run)
        if found is None:
            raise NotFound(
                f"the run {run.id[:12]} ({run.name}, {run.status}) made no model",
                hint="mlwright runs list shows those that did",
            ) from None
    assert found is not None  # noqa: S101  # resolve raises
    return Bundle.open(found.bundle, trust=asked.trust)


def _beside(folder: Path) -> set[str]:
    """Return files that MLflow writes beside a bundle's own."""
    return {path.name for path in folder.iterdir()} & {"registered_model_meta"}


def _renamed(bundle: Bundle, name: str, bundles: Path) -> Bundle:
    """Write the bundle under another name; its files stay what they are."""
    bundle.check_trust()
    files = {n: d for n, d in bundle.files.items() if n not in (manifest.MANIFEST, manifest.SEAL)}
    facts = {n: v for n, v in bundle.facts.items() if n not in ("files", "format")}
    measured = bundle.path / manifest.MEASURED
    beside = {manifest.MEASURED: measured.read_bytes()} if measured.is_file() else {}
    placed = place_files({**facts, "name": name}, files, bundles, beside=beside)
    return replace(placed, trust=bundle.trust)


def _name_of(source: str, kind: str | None) -> str:
    """Return what a source is called: its model's name, its file's or its class'."""
    if kind == "endpoint":
        raise ConfigError("an endpoint has no name", hint="give it one with --name")
    if kind is None:
        return source.partition(":")[0].partition("@")[0]
    if kind == BUNDLE:
        return Bundle.open(Path(source), ignore=_beside(Path(source))).name
    if kind == "python":
        return source.rpartition(":")[2].lower()
    if source.startswith("models:/"):
        return source.removeprefix("models:/").strip("/").partition("/")[0].partition("@")[0]
    return Path(source).stem


def _shown(source: str) -> str:
    """Return the source as it may be kept: of a path the last part, of an address no query."""
    if "://" in source:
        return source.partition("?")[0]
    return source if ":/" in source else Path(source).name
