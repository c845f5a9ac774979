"""Measure what an index finds: `mlwright rag evaluate --retrieval-only`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["rag", "evaluate", "--retrieval-only", *sys.argv[1:]]))
