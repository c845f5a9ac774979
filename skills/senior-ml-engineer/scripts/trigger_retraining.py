"""Retrain a champion, and replace it only by a better one: `mlwright retrain run`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["retrain", "run", *sys.argv[1:]]))
