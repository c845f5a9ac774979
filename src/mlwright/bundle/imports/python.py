"""A class of the user's with `predict`: `model.py:Churn`."""

from __future__ import annotations

import json
from pathlib import Path

from mlwright.bundle.archive import pack, pack_files
from mlwright.bundle.imports.asked import Asked, Incoming, settled
from mlwright.bundle.plan import Plan
from mlwright.bundle.runtimes.python import ENTRY
from mlwright.bundle.sources import FileSource
from mlwright.core.errors import ConfigError, NotFound


def read(where: str, asked: Asked) -> Incoming:
    """Gather the class's file, or the folder of `--code` that holds it; nothing is run.

    Raises:
        NotFound: there is no such file.
        ConfigError: the file does not lie in the folder; see `settled` too.
    """
    file, _, name = where.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise NotFound(f"there is no file {file}", hint="write it as path/to/model.py:Class")
    if not name.isidentifier():
        raise ConfigError(f"{name!r} is no name of a class", hint="path/to/model.py:Class")
    folder = asked.code or path.parent
    try:
        inside = path.resolve().relative_to(folder.resolve()).with_suffix("")
    except ValueError as exc:
        raise ConfigError(
            f"{path} does not lie in {folder}", hint="give the folder that holds it, with --code"
        ) from exc
    entry = {ENTRY: json.dumps({"module": ".".join(inside.parts), "class": name}).encode()}
    if asked.code:
        data = pack(folder, entry)
    else:
        data = pack_files({path.name: path.read_bytes(), **entry})
    signature = settled(asked, only_where_null=True)
    source = FileSource("python", "model.zip", data, ("numpy",))
    return Incoming("python", signature, Plan(()), source, params={"link": asked.link})
