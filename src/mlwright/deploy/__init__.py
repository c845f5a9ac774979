"""Releases: how a version reaches an environment, is compared there, and is taken back."""
