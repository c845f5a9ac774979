"""A file of `torch.jit.save`."""

from __future__ import annotations

import zipfile
from pathlib import Path

from mlwright.bundle.imports.asked import Asked, Incoming, settled
from mlwright.bundle.plan import Plan
from mlwright.bundle.sources import FileSource
from mlwright.core.errors import BundleError


def read(where: str, asked: Asked) -> Incoming:
    """Read a TorchScript archive as bytes; nothing is run.

    Raises:
        BundleError: it is none.
        ConfigError, DataError: see `settled`.
    """
    path = Path(where)
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError) as exc:
        raise BundleError(
            f"{path} is no TorchScript archive, or is cut off",
            hint="save it with torch.jit.save(torch.jit.script(model), 'model.pt')",
        ) from exc
    if "constants.pkl" not in names:
        raise BundleError(
            f"{path} holds weights alone (a pickle of torch.save), and no program to use them",
            hint="save it with torch.jit.save(torch.jit.script(model), 'model.pt')",
        )
    signature = settled(asked, kinds="number")
    source = FileSource("torchscript", "model.pt", path.read_bytes(), ("numpy", "torch"))
    return Incoming("torchscript", signature, Plan(()), source, params={"link": asked.link})
