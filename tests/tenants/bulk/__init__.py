"""Actions on many rows at once."""
