"""Contracts: agreement, terms and renewal, the free allowance, licenses and packs."""
