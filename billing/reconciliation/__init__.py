"""Once a day: what is unknown is asked about, and Stripe's books are compared with ours.

A payment that names an attempt of ours is settled as any other word of Stripe's, refunds and
chargebacks likewise. What then still differs becomes a row for operations and an error in the log,
once, until both sides agree again.
"""

from billing.reconciliation.payments import LOOK_BACK, reconcile
from billing.reconciliation.recent import book_recent

__all__ = ["LOOK_BACK", "book_recent", "reconcile"]
