"""Tables: read them, find out what their columns are, split them, tell one from another."""
