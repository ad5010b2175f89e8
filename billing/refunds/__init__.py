"""Giving money back once, whatever dies on the way (docs/decisions/0018).

A refund's row, with its key and amount, commits before Stripe is asked, and counts from then on.
Its answer, a webhook or a later look-up all book it through one door, under the invoice's lock.
"""

from billing.refunds.booking import book, book_payout, book_refund
from billing.refunds.ordering import give_back_surplus, order_refund, refundable_minor
from billing.refunds.sending import send_refund

__all__ = [
    "book",
    "book_payout",
    "book_refund",
    "give_back_surplus",
    "order_refund",
    "refundable_minor",
    "send_refund",
]
