"""Check an environment or a folder of logs once, or after each interval: `mlwright monitor check`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["monitor", "check", *sys.argv[1:]]))
