"""Payments at Stripe without a booking, above all of invoices that a restore lost.

Each of those pays the invoice that is issued again for the same month.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from billing.choices import InvoiceKind
from billing.gateway import client as gateway
from billing.gateway import disputes as stripe_disputes
from billing.gateway.objects import PaymentFacts, PaymentOutcome
from billing.models import ChargeAttempt, Chargeback, Invoice, Payment, UnassignedPayment
from billing.payments.charging import settle
from core.actors import SYSTEM_ACTOR
from core.operations.alerts import is_open, settle_alert
from core.operations.kinds import alert_kind
from tenants import audit

UNASSIGNED = alert_kind(
    "unassigned_payment", title="Payment of a lost invoice", settled_by_hand=True
)


def assign_payments(*, invoice_id: int, now: datetime) -> None:
    """Book the unassigned payments of this invoice's month and kind on it.

    An order takes one payment, of the same amount: a month has any number of orders. A payment that
    was returned or recorded by hand is left out. Called before the invoice is charged or mailed;
    one query if there is none. Raises `GatewayError`: the rest is not booked then, and the invoice
    must not be charged.
    """
    waiting = UnassignedPayment.objects.filter(invoice=None)
    if not waiting.exists():
        return
    invoice = Invoice.objects.get(pk=invoice_id)
    of_month = waiting.filter(month=invoice.month, kind=invoice.kind, currency=invoice.currency)
    is_order = invoice.kind == InvoiceKind.ORDER
    if is_order:
        of_month = of_month.filter(amount_minor=invoice.amounts.due_minor)
    for payment in of_month.order_by("pk"):
        facts = gateway.payment(payment_intent_id=payment.stripe_payment_intent_id)
        if facts.outcome is PaymentOutcome.SUCCEEDED and _is_free(facts):
            with transaction.atomic():
                book_found_payment(invoice=invoice, facts=facts, now=now)
                UnassignedPayment.objects.filter(pk=payment.pk).update(invoice=invoice)
                settle_alert(kind=UNASSIGNED, key=facts.payment_intent_id, now=now)
            if is_order:
                return


def is_accounted_for(facts: PaymentFacts, *, now: datetime) -> bool:
    """Whether a succeeded payment without a booking needs no person; `facts` include the charge.

    It was returned at Stripe, or operations recorded it as a transfer whose reference has the
    payment's id: what Stripe still holds of it, and no more than was paid. Its alert as the payment
    of a lost invoice is settled then. One that still waits for that invoice has this alert, and is
    no difference. Raises `GatewayError`.
    """
    if _held_minor(facts) <= _recorded_by_hand(facts) <= facts.amount_minor:
        settle_alert(kind=UNASSIGNED, key=facts.payment_intent_id, now=now)
        return True
    kept = UnassignedPayment.objects.filter(
        stripe_payment_intent_id=facts.payment_intent_id, invoice=None
    )
    return kept.exists() and is_open(kind=UNASSIGNED, key=facts.payment_intent_id)


def _is_free(facts: PaymentFacts) -> bool:
    return _held_minor(facts) > 0 and _recorded_by_hand(facts) == 0


def _held_minor(facts: PaymentFacts) -> int:
    """What is left of the payment at Stripe, after refunds and lost disputes."""
    lost = 0
    if facts.is_disputed:
        disputes = stripe_disputes.disputes_of(payment_intent_id=facts.payment_intent_id)
        lost = sum(each.amount_minor for each in disputes if each.state == Chargeback.State.LOST)
    return facts.amount_minor - facts.refunded_minor - lost


def _recorded_by_hand(facts: PaymentFacts) -> int:
    transfers = Payment.objects.filter(
        method=Payment.Method.BANK_TRANSFER,
        currency=facts.currency,
        reference__contains=facts.payment_intent_id,
    )
    return transfers.aggregate(recorded=Sum("amount_minor"))["recorded"] or 0


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
            subject_id=invoice.pk,
            after={"payment": facts.payment_intent_id, "invoice_paid": facts.invoice_number},
            now=now,
        )
