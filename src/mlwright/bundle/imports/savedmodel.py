"""A folder of TensorFlow's SavedModel."""

from __future__ import annotations

from pathlib import Path

from mlwright.bundle.archive import pack
from mlwright.bundle.imports.asked import Asked, Incoming, settled
from mlwright.bundle.plan import Plan
from mlwright.bundle.sources import FileSource


def read(where: str, asked: Asked) -> Incoming:
    """Gather the folder's files; nothing is run.

    Raises:
        BundleError: it holds links.
        ConfigError, DataError: see `settled`.
    """
    signature = settled(asked, only_where_null=True)
    packages = ("numpy", "tensorflow")
    source = FileSource("savedmodel", "model.zip", pack(Path(where)), packages)
    return Incoming("savedmodel", signature, Plan(()), source, params={"link": asked.link})
