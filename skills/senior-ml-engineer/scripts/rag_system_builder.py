"""Build or update an index of documents: `mlwright rag build`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["rag", "build", *sys.argv[1:]]))
