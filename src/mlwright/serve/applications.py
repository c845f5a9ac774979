"""What a worker hosts, by the kind of its bundle.

An application of a higher layer is found here by name and imported by nobody else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mlwright.bundle.bundle import Bundle
from mlwright.core.backends import Backend, Backends

from .application import Application
from .contracts import contracts
from .privacy import Keep, check_columns, log_key
from .spec import WorkerSpec
from .tabular import Tabular

Opener = Callable[[WorkerSpec, Bundle], Application]
"""Loads what a worker is to host."""

APPLICATIONS: Backends[Opener] = Backends(
    "application",
    "mlwright.applications",
    {
        "rag": Backend("mlwright.rag.hosting:open_rag", "rag"),
        "tabular": Backend("mlwright.serve.applications:open_tabular"),
    },
)


def open_application(spec: WorkerSpec) -> Application:
    """Open the bundle of a spec, and what hosts its kind.

    Raises:
        BundleError: it is damaged, or runs code that is not trusted.
        MissingExtra: a package that it needs is not installed.
    """
    bundle = Bundle.open(Path(spec.bundle), trust=spec.trust)
    return APPLICATIONS.load(bundle.kind)(spec, bundle)


def open_tabular(spec: WorkerSpec, bundle: Bundle) -> Application:
    """Load a model of rows, with every contract.

    Raises:
        ConfigError: the log is to leave out a column that the model does not have.
    """
    keep = None
    if spec.log.leave_out or spec.log.hash:
        check_columns([*spec.log.leave_out, *spec.log.hash], bundle.signature.names)
        key = log_key(Path(spec.log_folder)) if spec.log.hash else b""
        keep = Keep(leave_out=spec.log.leave_out, hash_columns=spec.log.hash, key=key)
    return Tabular(
        bundle,
        spec.model,
        spec.version,
        contracts=contracts(
            spec.model,
            spec.version,
            bundle.signature,
            samples=bundle.samples,
            environment=os.environ,
        ),
        keep=keep,
    )
