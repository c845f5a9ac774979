"""Write alert channels to the configuration: `mlwright alerts setup`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["alerts", "setup", *sys.argv[1:]]))
