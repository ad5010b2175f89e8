"""Payments that a card's bank takes back, booked as Stripe says and told once."""

from billing.chargebacks.booking import book_chargeback

__all__ = ["book_chargeback"]
