"""Read the pickled churn table in a process of its own, and write it as Parquet.

A pickle can run code when it is loaded. This one is loaded only when its bytes are the ones we
know, only with the few names that a table needs, and only in this child process:

    python -m mlwright.demo.unpickle SOURCE TARGET
"""

from __future__ import annotations

import hashlib
import importlib
import io
import lzma
import pickle
import sys
from pathlib import Path
from typing import Any

SHA256 = "95d0478a84ee4e289f1f3d2dd3ec72293f4e64cc5a2425a8044f4bcc8eba47d7"

_ALLOWED = {  # the name in the file → where it lives today
    ("builtins", "slice"): "builtins",
    ("numpy", "dtype"): "numpy",
    ("numpy", "ndarray"): "numpy",
    ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
    ("numpy.core.numeric", "_frombuffer"): "numpy._core.numeric",
    ("pandas._libs.internals", "_unpickle_block"): "pandas._libs.internals",
    ("pandas.core.frame", "DataFrame"): "pandas.core.frame",
    ("pandas.core.indexes.base", "Index"): "pandas.core.indexes.base",
    ("pandas.core.indexes.base", "_new_Index"): "pandas.core.indexes.base",
    ("pandas.core.indexes.range", "RangeIndex"): "pandas.core.indexes.range",
    ("pandas.core.internals.managers", "BlockManager"): "pandas.core.internals.managers",
}


class TableUnpickler(pickle.Unpickler):
    """Loads a pickled table, and refuses every name that a table does not need."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the class or function of this name, when it is on the list."""
        home = _ALLOWED.get((module, name))
        if home is None:
            raise pickle.UnpicklingError(f"{module}.{name} is not on the list of trusted names")
        return getattr(importlib.import_module(home), name)


def read(path: Path) -> Any:
    """Return the table of this file, when it is the file that we know."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"{path.name} is not the file that this version knows")
    return TableUnpickler(io.BytesIO(lzma.decompress(data))).load()


def main(source: Path, target: Path) -> None:
    """Write the table as Parquet; a row's number becomes its customer's id."""
    import polars as pl

    frame = read(source)
    table = pl.DataFrame({name: frame[name].tolist() for name in frame.columns}, strict=False)
    table = table.rename({"rownames": "customer_id"}).with_columns(
        pl.selectors.float().fill_nan(None)
    )
    table.write_parquet(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
