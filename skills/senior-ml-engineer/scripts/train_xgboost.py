"""Try XGBoost configurations and log each: `mlwright tune --algorithm xgboost`."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["tune", "--algorithm", "xgboost", *sys.argv[1:]]))
