"""Issuing what is billed for a month."""
