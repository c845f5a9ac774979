"""Train one model and register it: `mlwright train`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
