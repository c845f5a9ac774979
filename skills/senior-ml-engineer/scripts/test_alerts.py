"""Send a test alert through every channel: `mlwright alerts test`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["alerts", "test", *sys.argv[1:]]))
