"""Invoices as documents: rendered once, kept as bytes with their SHA-256 (docs/decisions/0007)."""
