"""Retries of declined charges: by the kind of decline, on days counted from the first failure.

A card's first failure on an invoice starts its schedule. Each failure queues only the next retry,
so that a card that is later reported lost is not tried again. A new card has its own schedule.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min

from billing import topics
from billing.models import ChargeAttempt, Invoice, PaymentMethod
from billing.models.payments import WITHDRAWN
from core.outbox.delivery import enqueue

# Stripe's hard declines: the bank will never accept, and retries harm our acceptance rate.
NEVER_AGAIN = frozenset(
    {
        "lost_card",
        "stolen_card",
        "pickup_card",
        "fraudulent",
        "highest_risk_level",
        "incorrect_number",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
        "transaction_not_allowed",
        # Only the holder can confirm it, with the mailed link.
        "authentication_required",
        WITHDRAWN,
    }
)


def next_retry(
    *, decline_code: str, first_failed_at: datetime, now: datetime, days: Sequence[int]
) -> tuple[int, datetime] | None:
    """Return the next day of the schedule and its instant after `now`; None after the last day.

    A day is 24 hours, counted from the first failure. Missed days are not caught up.
    """
    if decline_code in NEVER_AGAIN:
        return None
    for day in sorted(days):
        at = first_failed_at + timedelta(days=day)
        if at > now:
            return day, at
    return None


def plan_retry(attempt: ChargeAttempt, *, now: datetime) -> datetime | None:
    """Queue the retry of a failed attempt, in the running transaction; return its instant.

    Returns None for a hard decline, after the last day, and for a replaced card.
    """
    card = PaymentMethod.objects.filter(
        stripe_payment_method_id=attempt.stripe_payment_method_id, replaced_at=None
    ).first()
    if card is None:
        return None
    failed = ChargeAttempt.objects.filter(
        invoice_id=attempt.invoice_id,
        stripe_payment_method_id=attempt.stripe_payment_method_id,
        state=ChargeAttempt.State.FAILED,
    ).aggregate(first=Min("finished_at"))
    retry = next_retry(
        decline_code=attempt.decline_code,
        first_failed_at=failed["first"] or now,
        now=now,
        days=settings.RETRY_DAYS,
    )
    if retry is None:
        return None
    day, at = retry
    enqueue(
        topic=topics.CHARGE,
        key=f"retry:{attempt.invoice_id}:{card.pk}:{day}",
        payload={
            "invoice_id": attempt.invoice_id,
            "cause": f"retry:{card.pk}:{day}",
            "card_id": card.pk,
        },
        now=now,
        due_at=at,
    )
    return at


def next_attempt_at(invoice: Invoice) -> datetime | None:
    """Return the instant of the invoice's next automatic attempt; None without one."""
    last = invoice.attempts.order_by("-created_at", "-pk").first()
    if last is None or last.retry_at is None or invoice.amounts.due_minor == 0:
        return None
    is_current = PaymentMethod.objects.filter(
        stripe_payment_method_id=last.stripe_payment_method_id, replaced_at=None
    ).exists()
    return last.retry_at if is_current else None
