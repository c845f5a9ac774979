"""`python -m mlwright` is the command line."""

from mlwright.cli.main import run

if __name__ == "__main__":
    run()
