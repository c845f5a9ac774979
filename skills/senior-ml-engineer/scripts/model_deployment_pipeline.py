"""Bring a model version into an environment: `mlwright deploy`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["deploy", *sys.argv[1:]]))
