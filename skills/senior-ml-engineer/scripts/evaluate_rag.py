"""Measure retrieval and answers: `mlwright rag evaluate`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["rag", "evaluate", *sys.argv[1:]]))
