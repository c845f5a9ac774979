"""Write a page on a period: `mlwright monitor report`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["monitor", "report", *sys.argv[1:]]))
