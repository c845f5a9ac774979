"""How long `mlwright --help` takes, against a Python that does nothing."""

from __future__ import annotations

import sys

from pair import compare, seconds


def main() -> None:
    ours = [sys.executable, "-m", "mlwright", "--help"]
    nothing = [sys.executable, "-c", "pass"]
    print("A: mlwright --help, B: python -c pass")
    print(compare(lambda: seconds(ours), lambda: seconds(nothing), rounds=9).text())


if __name__ == "__main__":
    main()
