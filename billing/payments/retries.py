"""Retries of declined charges: by advice and kind of decline, on days after the first failure.

A card's first failure on an invoice starts its schedule. Each failure queues only the next retry,
so that a card that is later reported lost is not tried again. A new card has its own schedule.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min

from billing import topics
from billing.decline_reasons import shortest_wait
from billing.models import ChargeAttempt, Invoice, PaymentMethod
from core.outbox.delivery import enqueue


def next_retry(
    *,
    first_failed_at: datetime,
    now: datetime,
    days: Sequence[int],
    shortest_wait: timedelta = timedelta(0),
) -> tuple[int, datetime] | None:
    """Return the next day of the schedule and its instant after `now`; None after the last day.

    A day is 24 hours, counted from the first failure. Missed days are not caught up, and days that
    come before the card network's `shortest_wait` are left out.
    """
    for day in sorted(days):
        at = first_failed_at + timedelta(days=day)
        if at > now and at >= now + shortest_wait:
            return day, at
    return None


def plan_retry(attempt: ChargeAttempt, *, now: datetime) -> datetime | None:
    """Queue the retry of a failed attempt, in the running transaction; return its instant.

    Returns None for a final decline or refusal, after the last day, and for a replaced card.
    """
    if attempt.is_final:
        return None
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
        first_failed_at=failed["first"] or now,
        now=now,
        days=settings.RETRY_DAYS,
        shortest_wait=shortest_wait(attempt.network_advice_code),
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
