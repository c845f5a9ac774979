"""A packaged model in the forms that others read: one form a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlwright.bundle.bundle import Bundle
from mlwright.core.backends import Backend, Backends
from mlwright.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what its reader must know."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


Exporter = Callable[[Bundle, Path], Exported]
"""What an exporter's table entry is: it writes the bundle's model to a path that is free.

It raises `BundleError` for a model that the form cannot hold.
"""

EXPORTERS: Backends[Exporter] = Backends(
    "export format",
    "mlwright.exporters",
    {
        "docker": Backend("mlwright.deploy.image:export"),
        "jsonschema": Backend("mlwright.bundle.export.schemas:json_schema"),
        "mlflow": Backend("mlwright.bundle.export.mlflow:write"),
        "onnx": Backend("mlwright.bundle.export.onnx:write", "train"),
        "proto": Backend("mlwright.bundle.export.schemas:proto"),
        "savedmodel": Backend("mlwright.bundle.export.savedmodel:write", "keras"),
        "torchscript": Backend("mlwright.bundle.export.torchscript:write", "torch"),
    },
)

ENDINGS: Mapping[str, str] = {
    "docker": "-docker",
    "jsonschema": ".schema.json",
    "mlflow": "-mlflow",
    "onnx": ".onnx",
    "proto": ".proto",
    "savedmodel": "-savedmodel",
    "torchscript": ".pt",
}
"""What a file or folder is called behind the model's name, where the user names none."""


def export(bundle: Bundle, form: str, path: Path) -> Exported:
    """Write a bundle's model in a form that others read.

    Raises:
        UnknownBackend: there is no such form.
        MissingExtra: its library is not installed.
        ConfigError: something is at the path already, or nothing can be written there.
        BundleError: the form cannot hold this model, or the model is not trusted.
    """
    write = EXPORTERS.load(form)
    if path.exists():
        raise ConfigError(f"{path} is there already", hint="name another --output")
    bundle.check_trust()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write(bundle, path)
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written: {exc.strerror}") from exc
