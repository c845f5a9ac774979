"""An opened bundle: verified, and everything that is known about its model."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright.bundle import manifest
from mlwright.bundle.calibration import Calibration, calibrated
from mlwright.bundle.foreign import FOREIGN, RUNS_CODE, Foreign, ForeignModel
from mlwright.bundle.model import Model
from mlwright.bundle.original import kept
from mlwright.bundle.plan import Plan
from mlwright.bundle.runtimes import RUNTIMES
from mlwright.bundle.trust import NOTHING, Trust
from mlwright.core.errors import BundleError
from mlwright.core.signature import Signature

if TYPE_CHECKING:
    from mlwright.profile.profile import Profile


@dataclass(frozen=True, eq=False)
class Bundle:
    """A packaged model. Immutable: `hash` names exactly these bytes."""

    path: Path
    hash: str
    facts: Mapping[str, Any]
    files: Mapping[str, bytes]
    trust: Trust = NOTHING

    @classmethod
    def open(cls, path: Path, *, ignore: Collection[str] = (), trust: Trust = NOTHING) -> Bundle:
        """Open and verify a bundle's folder.

        Args:
            path: the folder.
            ignore: names of foreign files in it that are no reason to refuse it.
            trust: what its user lets it do; a model that runs code is not loaded without.

        Raises:
            BundleError: it is not a bundle, or a file of it is missing, altered or unknown.
        """
        digest, facts, files = manifest.read(path, ignore=ignore)
        return cls(path, digest, facts, files, trust)

    @property
    def name(self) -> str:
        """Return the name that the model was packaged under."""
        return str(self.facts["name"])

    @property
    def kind(self) -> str:
        """Return which application serves it: `tabular`, a model of rows, or `rag`, an index."""
        return str(self.facts.get("kind", "tabular"))

    @property
    def algorithm(self) -> str:
        """Return the name of the framework that fitted the model."""
        return str(self.facts["algorithm"])

    @property
    def runtime(self) -> str:
        """Return the name of the runtime that the model runs on."""
        return str(self.facts["runtime"])

    @property
    def threshold(self) -> float | None:
        """Return the score from which a binary model says the positive class."""
        value: float | None = self.facts["threshold"]
        return value

    @property
    def params(self) -> dict[str, Any]:
        """Return the parameters that the model was fitted with."""
        return dict(self.facts["params"])

    @property
    def metrics(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return part -> metric -> value, low, high, n; the parts: `holdout`, `out_of_fold`, `fit`.

        `fit` are the rows that the model was fitted on, `out_of_fold` the same rows by models that
        had not seen them.
        """
        return dict(self.facts["metrics"])

    @property
    def importance(self) -> dict[str, float]:
        """Return each column's share of the model's importance; they sum to 1."""
        return dict(self.facts["importance"])

    @property
    def data(self) -> dict[str, Any]:
        """Return what is known of the training data: fingerprint, rows, and so on."""
        return dict(self.facts["data"])

    @property
    def requirements(self) -> list[str]:
        """Return the exact packages that the model needs to run."""
        return list(self.facts["requirements"])

    @property
    def runs_code(self) -> bool:
        """Return whether loading the model runs code that came with it."""
        # Not what the manifest says alone: who writes a bundle writes that too.
        return bool(self.facts["runs_code"]) or self.runtime in RUNS_CODE

    @cached_property
    def signature(self) -> Signature:
        """Return what the model takes and gives."""
        return Signature.from_json(self._json("signature.json"))

    @cached_property
    def plan(self) -> Plan:
        """Return the encoding of the columns."""
        return Plan.from_json(self._json("plan.json"))

    @cached_property
    def calibration(self) -> Calibration | None:
        """Return how scores become probabilities, where that was chosen."""
        known = "calibration.json" in self.files
        return Calibration.from_json(self._json("calibration.json")) if known else None

    @cached_property
    def meaning(self) -> Calibration | None:
        """Return what scores that are not calibrated turned out to mean on rows out of fold.

        Nothing that is answered or decided depends on it: performance is estimated with it.
        """
        known = "meaning.json" in self.files
        return Calibration.from_json(self._json("meaning.json")) if known else None

    @cached_property
    def profile(self) -> Profile:
        """Return the summary of the training data, the reference of every check."""
        from mlwright.profile.profile import Profile

        return Profile.from_json(self._json("profile.json"))

    @property
    def parity(self) -> dict[str, Any]:
        """Return how the compiled model compared with the original."""
        found: dict[str, Any] = self._json("parity.json")
        return found

    @property
    def samples(self) -> list[dict[str, Any]]:
        """Return a few rows with the prediction and score that the model gave them."""
        found: list[dict[str, Any]] = self._json("samples.json")
        return found

    @property
    def card(self) -> str:
        """Return the model card, Markdown."""
        return self._part("card.md").decode()

    def check_trust(self) -> None:
        """Refuse a model that runs code of its own, unless its user trusts its file.

        Raises:
            BundleError: it is not trusted; the hint is what to write into `mlwright.yaml`.
        """
        if self.runs_code:
            digest = self.facts["files"][self.facts["model"]]
            self.trust.check_code(digest, f"the model {self.name}")

    def model(self) -> Model:
        """Load the model.

        Raises:
            BundleError: the runtime cannot read it, or it is not trusted.
            MissingExtra: the runtime's package is not installed.
        """
        self.check_trust()
        data = self._part(self.facts.get("model", "model"))
        if self.runtime in FOREIGN.names():
            given = Foreign(data, self.signature, self.params, self.trust)
            loaded = FOREIGN.load(self.runtime)(given)
            return ForeignModel(self.signature, loaded, threshold=self.threshold)
        runtime = RUNTIMES.load(self.runtime)(data)
        runtime = calibrated(runtime, self.calibration)
        about = self.facts.get("original")
        return Model(
            self.signature,
            self.plan,
            runtime,
            threshold=self.threshold,
            original=about and kept(self.path, about, self.files[about["file"]], self.calibration),
        )

    def _json(self, name: str) -> Any:
        return json.loads(self._part(name))

    def _part(self, name: str) -> bytes:
        if name not in self.files and self.kind == "rag":
            raise BundleError(
                f"{self.name} is an index of documents, and has no {name.partition('.')[0]}",
                hint=f"mlwright rag query --name {self.name} asks it a question",
            )
        return self.files[name]
