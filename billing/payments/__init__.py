"""Money that comes in: cards, charges, retries, payment links, chargebacks."""
