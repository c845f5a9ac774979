"""Search for better parameters: `mlwright tune`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["tune", *sys.argv[1:]]))
