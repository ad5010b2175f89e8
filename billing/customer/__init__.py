"""Billing Information: addresses, tax ids, terms and the card, as one page asks for them."""
