"""Test an endpoint from outside: `mlwright endpoint test`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["endpoint", "test", *sys.argv[1:]]))
