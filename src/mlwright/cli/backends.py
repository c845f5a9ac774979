"""`mlwright backends`."""

from __future__ import annotations

import importlib
from typing import Any

import click

from .options import Command, json_option
from .output import emit, table

TABLES = (
    "mlwright.alerts.channels:CHANNELS",
    "mlwright.bundle.export:EXPORTERS",
    "mlwright.bundle.foreign:FOREIGN",
    "mlwright.bundle.imports:IMPORTERS",
    "mlwright.bundle.runtimes:RUNTIMES",
    "mlwright.deploy.targets:TARGETS",
    "mlwright.rag.cache:CACHES",
    "mlwright.rag.chunkers:CHUNKERS",
    "mlwright.rag.llms:LLMS",
    "mlwright.rag.loaders:LOADERS",
    "mlwright.serve.applications:APPLICATIONS",
    "mlwright.train.frameworks:FRAMEWORKS",
)


@click.command(cls=Command, example="mlwright backends")
@json_option
def command(as_json: bool) -> None:
    """List every back-end by kind, and what is missing for it."""
    found = [row for path in TABLES for row in _rows(path)]
    if as_json:
        emit({"backends": found})
        return
    rows = [[row["kind"], row["name"], row["missing"] or "ready"] for row in found]
    table(["kind", "name", "state"], rows)


def _rows(path: str) -> list[dict[str, Any]]:
    module, _, attribute = path.partition(":")
    backends = getattr(importlib.import_module(module), attribute)
    return [
        {"kind": backends.kind, "name": name, "missing": backends.missing(name)}
        for name in backends.names()
    ]
