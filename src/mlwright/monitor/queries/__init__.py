"""Watching an environment that answers questions from documents: its query log is the source."""
