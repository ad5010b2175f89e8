"""Dunning: what happens to a provider whose invoices stay unpaid."""
