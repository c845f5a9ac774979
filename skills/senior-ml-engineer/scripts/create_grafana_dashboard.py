"""Write a Grafana dashboard: `mlwright monitor dashboard`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["monitor", "dashboard", *sys.argv[1:]]))
