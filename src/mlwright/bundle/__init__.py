"""The packaged model: its format, compilation with proof, verification, and how it is run."""
