"""Contract suites for the authors of back-ends: subclass one, override its fixtures, run pytest."""
