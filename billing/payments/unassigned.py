"""Payments of lost invoices: each pays the invoice that is issued again for the same month."""

from datetime import datetime

from django.db import transaction

from billing.gateway import client as gateway
from billing.gateway.objects import PaymentFacts, PaymentOutcome
from billing.models import ChargeAttempt, Invoice, UnassignedPayment
from billing.payments.charging import settle
from core.actors import SYSTEM_ACTOR
from core.operations.alerts import settle_alert
from core.operations.kinds import alert_kind
from tenants import audit

UNASSIGNED = alert_kind(
    "unassigned_payment", title="Payment of a lost invoice", settled_by_hand=True
)


def assign_payments(*, invoice_id: int, now: datetime) -> None:
    """Book the unassigned payments of this invoice's month and kind on it.

    Called before the invoice is charged or mailed; one query if there is none. Raises
    `GatewayError`: the rest is not booked then, and the invoice must not be charged.
    """
    waiting = UnassignedPayment.objects.filter(invoice=None)
    if not waiting.exists():
        return
    invoice = Invoice.objects.get(pk=invoice_id)
    of_month = waiting.filter(month=invoice.month, kind=invoice.kind, currency=invoice.currency)
    for payment in of_month.order_by("pk"):
        facts = gateway.payment(payment_intent_id=payment.stripe_payment_intent_id)
        if facts.outcome is PaymentOutcome.SUCCEEDED:
            with transaction.atomic():
                book_found_payment(invoice=invoice, facts=facts, now=now)
                UnassignedPayment.objects.filter(pk=payment.pk).update(invoice=invoice)
                settle_alert(kind=UNASSIGNED, key=payment.stripe_payment_intent_id, now=now)


@transaction.atomic
def book_found_payment(*, invoice: Invoice, facts: PaymentFacts, now: datetime) -> None:
    """Book a succeeded payment whose attempt a restore lost; safe to repeat.

    The attempt is stored as failed first, because another one of the invoice may be unfinished;
    `settle` checks the payment and records its success. Raises `PaymentMismatch`.
    """
    Invoice.objects.select_for_update().get(pk=invoice.pk)
    attempt, is_new = ChargeAttempt.objects.get_or_create(
        idempotency_key=facts.attempt_key,
        defaults={
            "invoice": invoice,
            "cause": f"found:{facts.payment_intent_id}"[:60],
            "state": ChargeAttempt.State.FAILED,
            "amount_minor": facts.amount_minor,
            "currency": facts.currency,
            "stripe_customer_id": facts.customer_id,
            "stripe_payment_method_id": facts.payment_method_id,
            "stripe_payment_intent_id": facts.payment_intent_id,
            "created_at": now,
            "sent_at": now,
            "finished_at": now,
        },
    )
    settle(attempt_id=attempt.pk, facts=facts, now=now)
    if is_new:
        audit.record(
            actor=SYSTEM_ACTOR,
            action="payment.found",
            subject=invoice.number,
            after={"payment": facts.payment_intent_id, "invoice_paid": facts.invoice_number},
            now=now,
        )
