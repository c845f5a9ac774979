"""Ask one question: `mlwright rag query`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["rag", "query", *sys.argv[1:]]))
