"""Verification of closed months: recomputed from events and contracts, and compared."""
