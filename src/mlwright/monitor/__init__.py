"""Checks of a window of production against the data that the live model was made from."""
