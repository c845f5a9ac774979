"""The prediction log: its lines, how they are written, read back and labelled."""
