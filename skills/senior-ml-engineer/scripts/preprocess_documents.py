"""Read, clean and cut documents: `mlwright rag prepare`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["rag", "prepare", *sys.argv[1:]]))
