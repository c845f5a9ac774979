"""Runs, and the registry of versions and aliases; both mirrored to MLflow."""
