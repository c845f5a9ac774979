"""Serve the API for answers: `mlwright rag serve`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["rag", "serve", *sys.argv[1:]]))
