"""When a declined card is tried again: by the kind of decline, on days counted from the first.

A card's first failure on an invoice starts a row of retries; each failure orders the next one only,
so that a card reported lost is left alone from then on. A new card starts a row of its own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min

from billing import topics
from billing.models import ChargeAttempt, Invoice, PaymentMethod
from billing.models.payments import WITHDRAWN
from core.outbox.delivery import enqueue

# Stripe's hard declines: the bank says never, and asking again counts against us.
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
        # Only its holder can change the answer, with the link that was mailed.
        "authentication_required",
        WITHDRAWN,
    }
)


def next_retry(
    *, decline_code: str, first_failed_at: datetime, now: datetime, days: Sequence[int]
) -> tuple[int, datetime] | None:
    """The next day of the schedule and its instant after `now`; None when it is over.

    Days are of 24 hours from the first failure. Days that passed unused are not caught up: one
    attempt now tells as much as three.
    """
    if decline_code in NEVER_AGAIN:
        return None
    for day in sorted(days):
        at = first_failed_at + timedelta(days=day)
        if at > now:
            return day, at
    return None


def plan_retry(attempt: ChargeAttempt, *, now: datetime) -> datetime | None:
    """Order the next attempt after a failed one, in the running transaction; its instant.

    None for a decline that is final, after the last day, and for a card that was replaced.
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
    found = next_retry(
        decline_code=attempt.decline_code,
        first_failed_at=failed["first"] or now,
        now=now,
        days=settings.RETRY_DAYS,
    )
    if found is None:
        return None
    day, at = found
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
    """The instant of the next automatic attempt, or None where none is to come."""
    last = invoice.attempts.order_by("-created_at", "-pk").first()
    if last is None or last.retry_at is None or invoice.amounts.due_minor == 0:
        return None
    is_current = PaymentMethod.objects.filter(
        stripe_payment_method_id=last.stripe_payment_method_id, replaced_at=None
    ).exists()
    return last.retry_at if is_current else None
