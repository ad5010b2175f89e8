"""Races and faults, run long by `make prove-…` and short by pytest."""
