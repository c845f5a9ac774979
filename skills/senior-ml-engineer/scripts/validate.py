"""Measure a model on test data: `mlwright validate`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["validate", *sys.argv[1:]]))
