"""The daily reconciliation: payments, refunds and chargebacks at Stripe are compared with ours.

Differences that can be booked are booked. Each remaining difference becomes one row for operations
and one error in the log, until both sides agree again.
"""
