"""Refunds are booked as they are at Stripe, or at the bank."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from billing import topics
from billing.corrections.refund_log import log_refund
from billing.corrections.refunds import credit_unpaid_remainder
from billing.dunning.status import update_dunning
from billing.gateway.refunds import RefundFacts
from billing.models import Invoice, Payment, Refund
from billing.payments.balance_lock import CorrectionRefused
from billing.payments.charging import PaymentMismatch
from core.actors import SYSTEM_ACTOR, Actor
from core.outbox.delivery import enqueue
from tenants.alerts.schedule import check_soon

State = Refund.State
AT_STRIPE = Actor(id=None, name="Stripe's dashboard")


def book(*, facts: RefundFacts, now: datetime) -> Refund:
    """As `book_refund`; raises `PaymentMismatch` where it booked none."""
    booked = book_refund(facts=facts, now=now)
    if booked is None:
        raise PaymentMismatch(f"{facts.stripe_refund_id} is no refund of ours")
    return booked


@transaction.atomic
def book_refund(*, facts: RefundFacts, now: datetime) -> Refund | None:
    """Record a refund as it is at Stripe: the one door for answers, webhooks and reconciliation.

    Without the key that we send with ours, the refund was made at Stripe's dashboard and is booked
    with its own credit note. Repeating it changes nothing; a failure is final, and takes back a
    success. None where the payment is not ours, or where a dashboard's
    refund failed before it was booked. Raises `PaymentMismatch` for another amount or currency.
    """
    payment = _locked_payment(facts.payment_intent_id)
    if payment is None:
        return None
    refund = payment.refunds.filter(
        Q(stripe_refund_id=facts.stripe_refund_id)
        | Q(idempotency_key=facts.refund_key or facts.stripe_refund_id)
    ).first()
    if refund is None:
        if facts.state == State.FAILED:
            return None
        refund = _made_at_stripe(payment, facts, now=now)
    told = (facts.amount_minor, facts.currency, facts.payment_intent_id)
    ours = (refund.amount_minor, refund.currency, payment.stripe_payment_intent_id)
    if told != ours:
        raise PaymentMismatch(
            f"{facts.stripe_refund_id} is not {refund}: another amount or currency"
        )
    _move(refund, facts.state, facts.stripe_refund_id, message=facts.failure_message, now=now)
    return refund


def _locked_payment(payment_intent_id: str) -> Payment | None:
    payment = Payment.objects.filter(stripe_payment_intent_id=payment_intent_id).first()
    if payment is not None:
        Invoice.objects.select_for_update().get(pk=payment.invoice_id)
    return payment


def _made_at_stripe(payment: Payment, facts: RefundFacts, *, now: datetime) -> Refund:
    """The row of a refund that nobody ordered here, with the credit note that belongs to it."""
    reason = "Refunded at Stripe"
    invoice = payment.invoice
    note = credit_unpaid_remainder(
        invoice, amount_minor=facts.amount_minor, reason=reason, actor=AT_STRIPE, now=now
    )
    refund = Refund.objects.create(
        payment=payment,
        credit_note=note,
        amount_minor=facts.amount_minor,
        currency=payment.currency,
        reason=reason,
        idempotency_key=facts.stripe_refund_id,
        stripe_refund_id=facts.stripe_refund_id,
        ordered_by_name=AT_STRIPE.name,
        ordered_at=now,
        sent_at=now,
    )
    log_refund(refund, "refund.made_at_stripe", actor=AT_STRIPE, now=now)
    check_soon()
    return refund


@transaction.atomic
def fail(refund: Refund, *, message: str, now: datetime) -> None:
    """Record that Stripe has not made a refund and will not: what it held is to be given back."""
    Invoice.objects.select_for_update().get(pk=refund.payment.invoice_id)
    current = Refund.objects.select_related("payment__invoice").get(pk=refund.pk)
    _move(current, State.FAILED, "", message=message, now=now)


@transaction.atomic
def book_payout(*, refund: Refund, reference: str, actor: Actor, now: datetime) -> Refund:
    """Book a bank transfer's refund as paid out by hand, with what the bank knows it by.

    Raises `CorrectionRefused` without a reference, and for one that waits for nobody's hand.
    """
    Invoice.objects.select_for_update().get(pk=refund.payment.invoice_id)
    current = Refund.objects.select_related("payment__invoice").get(pk=refund.pk)
    if current.payment.method != Payment.Method.BANK_TRANSFER or current.state != State.PENDING:
        raise CorrectionRefused("This refund does not wait to be paid out by hand.")
    if not reference.strip():
        raise CorrectionRefused("Enter the reference of the payout.", field="reference")
    current.reference = reference.strip()
    _move(current, State.SUCCEEDED, "", message="", actor=actor, now=now)
    return current


def _move(
    refund: Refund,
    state: Refund.State,
    stripe_refund_id: str,
    *,
    message: str,
    now: datetime,
    actor: Actor = SYSTEM_ACTOR,
) -> None:
    """The refund's new state with what follows; under the invoice's lock."""
    if stripe_refund_id and not refund.stripe_refund_id:
        refund.stripe_refund_id = stripe_refund_id
        refund.save(update_fields=["stripe_refund_id"])
    if state == State.PENDING or refund.state in (state, State.FAILED):
        return
    refund.state = state
    refund.finished_at = now
    refund.failure_message = message[:500] if state == State.FAILED else ""
    refund.save()
    log_refund(refund, f"refund.{state}", actor=actor, now=now)
    topic = topics.REFUND_MAIL if state == State.SUCCEEDED else topics.REFUND_FAILED_MAIL
    enqueue(topic=topic, key=f"refund:{refund.pk}", payload={"refund_id": refund.pk}, now=now)
    update_dunning(now=now)
    check_soon()
