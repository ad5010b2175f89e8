"""Proofs: races and faults at random. `make prove-…` runs them long, pytest short."""
