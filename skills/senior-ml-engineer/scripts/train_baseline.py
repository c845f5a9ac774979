"""Log a dummy and a linear baseline as runs: `mlwright train --baseline`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", "--baseline", *sys.argv[1:]]))
