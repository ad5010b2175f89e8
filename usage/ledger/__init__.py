"""The append-only count log, its counters and its monthly rows."""
