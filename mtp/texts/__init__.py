"""The list of all texts that people read, for review."""
