"""Payments: cards, charges, retries, payment links, chargebacks."""
