"""Refunds: ordered, sent to Stripe exactly once, and booked as they are there or at the bank.

A refund is never above the payment, and it never makes the invoice owed again: the part that was
not overpaid is credited with it.
"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, Sum

from accounts.providers import current_provider
from billing import topics
from billing.charge_alerts import settle_fraud_warning
from billing.corrections.credit_amounts import credit_of_total
from billing.corrections.credit_notes import NoteLine, credited_split, issue_note, split_of
from billing.corrections.failed_refunds import REFUND_FAILED, failures_to_repeat
from billing.decline_reasons import NEVER_ARRIVED, reason_of_failed_refund
from billing.dunning.status import update_dunning
from billing.gateway import client as gateway
from billing.gateway import refunds as stripe_refunds
from billing.gateway.refunds import RefundFacts
from billing.models import Chargeback, CreditNote, Invoice, Payment, Refund
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused, require_seen_invoice
from billing.payments.charging import KEY_IS_FORGOTTEN, RESEND_WITHIN, PaymentMismatch
from billing.seen import require_seen, seen_token
from core.actors import SYSTEM_ACTOR, Actor, ActorKind
from core.operations.alerts import raise_all
from core.outbox.delivery import enqueue
from core.outbox.topics import Postpone
from tenants import audit
from tenants.alerts.schedule import check_soon

State = Refund.State
AT_STRIPE = Actor(id=None, name="Stripe's dashboard", kind=ActorKind.SYSTEM)
WITHOUT_ANSWER = timedelta(seconds=30)
PENDING_AT_STRIPE = timedelta(hours=1)


def refundable_minor(payment: Payment) -> int:
    """Return what can still be refunded of a payment; 0 with an open or lost chargeback."""
    if payment.chargebacks.exclude(state=Chargeback.State.WON).exists():
        return 0
    refunds = payment.refunds.exclude(state=State.FAILED)
    refunded = refunds.aggregate(refunded=Sum("amount_minor"))["refunded"] or 0
    return max(0, payment.amount_minor - refunded)


@transaction.atomic
def order_refund(
    *,
    payment: Payment,
    amount_minor: int,
    reason: str,
    actor: Actor,
    now: datetime,
    credit_note: CreditNote | None = None,
    seen: str | None = None,
) -> Refund:
    """Order a refund of a part of a payment; a worker sends it to Stripe.

    The part of the amount that the invoice was not overpaid is credited in the same transaction.
    The refund of a bank transfer waits until operations pay it out. Raises `CorrectionRefused`
    above `refundable_minor`, and `ChangedSince` if the invoice is not as `seen`.
    """
    invoice = Invoice.objects.select_for_update().get(pk=payment.invoice_id)
    require_seen_invoice(invoice, seen)
    _check_order(payment, amount_minor=amount_minor, reason=reason)
    credited = _credit_remainder(
        invoice, amount_minor=amount_minor, reason=reason, actor=actor, now=now
    )
    refund = Refund.objects.create(
        payment=payment,
        credit_note=credit_note or credited,
        amount_minor=amount_minor,
        currency=payment.currency,
        reason=reason.strip(),
        idempotency_key=f"refund-{uuid.uuid4().hex}",
        ordered_by_id=actor.id,
        ordered_by_name=actor.name[:200],
        ordered_at=now,
    )
    if payment.method == Payment.Method.CARD:
        payload = {"refund_id": refund.pk}
        enqueue(topic=topics.REFUND, key=f"refund:{refund.pk}", payload=payload, now=now)
    _log(refund, "refund.ordered", actor=actor, now=now)
    update_dunning(now=now)
    return refund


def _check_order(payment: Payment, *, amount_minor: int, reason: str) -> None:
    if not reason.strip():
        raise CorrectionRefused("Give the reason: the provider reads it.", field="reason")
    if amount_minor <= 0:
        raise CorrectionRefused("Enter the amount to refund.", field="amount")
    left = refundable_minor(payment)
    if amount_minor > left:
        raise CorrectionRefused(
            f"No more than {format_money(left, payment.currency)} of this payment can be refunded.",
            field="amount",
        )


def _credit_remainder(
    invoice: Invoice, *, amount_minor: int, reason: str, actor: Actor, now: datetime
) -> CreditNote | None:
    """Credit the part of a refund that the locked invoice was not overpaid; None without one."""
    amounts = invoice.amounts
    total = min(amount_minor - amounts.overpaid_minor, amounts.creditable_minor)
    if total <= 0 or amounts.is_void:
        return None
    split = credit_of_total(
        invoice=split_of(invoice),
        credited=credited_split(invoice),
        total_minor=total,
        currency=invoice.currency,
    )
    note_line = NoteLine(description=reason.strip(), amount_minor=split.subtotal_minor)
    return issue_note(
        invoice=invoice,
        split=split,
        note_lines=[note_line],
        reason=reason.strip(),
        actor=actor,
        now=now,
    )


def refund_overpayment(
    *, invoice: Invoice, note: CreditNote, reason: str, actor: Actor, now: datetime
) -> None:
    """Order refunds of what the locked invoice is overpaid, newest payment first.

    Payments with an open or lost chargeback are left out; the rest stays overpaid.
    """
    for payment in invoice.payments.order_by("-received_at", "-pk"):
        amount = min(invoice.amounts.overpaid_minor, refundable_minor(payment))
        if amount > 0:
            order_refund(
                payment=payment,
                amount_minor=amount,
                reason=reason,
                actor=actor,
                now=now,
                credit_note=note,
            )


class _Declined(Exception):
    """Stripe refuses this refund; `code` is its reason."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


def send_refund(*, refund_id: int, now: datetime) -> None:
    """Send an ordered refund to Stripe exactly once; safe to repeat and to be killed at any point.

    A refund that was sent without an answer is looked up. It is sent again with the same
    idempotency key only while Stripe still knows the key. Raises `Postpone` while the outcome is
    unknown.
    """
    refund = Refund.objects.select_related("payment__invoice").get(pk=refund_id)
    if refund.state != State.PENDING:
        return
    try:
        facts = _look_up(refund) or _send(refund, now=now)
    except _Declined as declined:
        _fail(refund, code=declined.code, message=str(declined), now=now)
        return
    except (gateway.OutcomeUnknown, gateway.NotDone) as error:
        raise Postpone(now + WITHOUT_ANSWER) from error
    if facts is None:
        _fail(refund, code=NEVER_ARRIVED, message="Stripe never received it.", now=now)
        return
    booked = book_refund(facts=facts, now=now)
    if booked is None:
        raise PaymentMismatch(f"{facts.stripe_refund_id} is no refund of ours")
    if booked.state == State.PENDING:
        raise Postpone(now + PENDING_AT_STRIPE)


def _look_up(refund: Refund) -> RefundFacts | None:
    """Return Stripe's refund for one that was sent before; None if there is none."""
    if refund.stripe_refund_id:
        return stripe_refunds.refund(stripe_refund_id=refund.stripe_refund_id)
    if refund.sent_at is None:
        return None
    held = stripe_refunds.refunds_of(payment_intent_id=str(refund.payment.stripe_payment_intent_id))
    return next((facts for facts in held if facts.refund_key == refund.idempotency_key), None)


def _send(refund: Refund, *, now: datetime) -> RefundFacts | None:
    """Send it; None if an earlier request certainly never arrived and may not be sent again."""
    if refund.sent_at and now - refund.sent_at >= KEY_IS_FORGOTTEN:
        return None
    if refund.sent_at and now - refund.sent_at >= RESEND_WITHIN:
        raise Postpone(refund.sent_at + KEY_IS_FORGOTTEN)
    gateway.require_answering()
    # Before the call: a process that is killed during it leaves "sent", to be looked up.
    Refund.objects.filter(pk=refund.pk, sent_at=None).update(sent_at=now)
    try:
        return stripe_refunds.make_refund(
            payment_intent_id=str(refund.payment.stripe_payment_intent_id),
            amount_minor=refund.amount_minor,
            provider_id=str(current_provider().provider_id),
            invoice_number=refund.payment.invoice.number,
            refund_key=refund.idempotency_key,
        )
    except gateway.Refused as refusal:
        raise _Declined(str(refusal), code=refusal.code) from refusal


@transaction.atomic
def _fail(refund: Refund, *, code: str, message: str, now: datetime) -> None:
    """Record that Stripe has not made the refund and will not; its amount can be refunded again."""
    _update(_locked(refund), State.FAILED, code=code, message=message, now=now)


@transaction.atomic
def book_refund(*, facts: RefundFacts, now: datetime) -> Refund | None:
    """Record a refund as it is at Stripe; answers, webhooks and the reconciliation all call this.

    A refund without our key was made in Stripe's dashboard and is booked with its own credit note.
    Safe to repeat; a failure is final, and undoes a success. Returns None if the payment is not
    ours, or if a dashboard's refund failed before it was booked. Raises `PaymentMismatch` if
    amount or currency differ.
    """
    payment = Payment.objects.filter(stripe_payment_intent_id=facts.payment_intent_id).first()
    if payment is None:
        return None
    Invoice.objects.select_for_update().get(pk=payment.invoice_id)
    refund = payment.refunds.filter(
        Q(stripe_refund_id=facts.stripe_refund_id)
        | Q(idempotency_key=facts.refund_key or facts.stripe_refund_id)
    ).first()
    if refund is None:
        if facts.state == State.FAILED:
            return None
        refund = _create_made_at_stripe(payment, facts, now=now)
    stripe = (facts.amount_minor, facts.currency, facts.payment_intent_id)
    if stripe != (refund.amount_minor, refund.currency, payment.stripe_payment_intent_id):
        raise PaymentMismatch(
            f"{facts.stripe_refund_id} is not {refund}: another amount or currency"
        )
    if facts.stripe_refund_id and not refund.stripe_refund_id:
        refund.stripe_refund_id = facts.stripe_refund_id
        refund.save(update_fields=["stripe_refund_id"])
    reason = facts.failure_reason
    _update(refund, facts.state, code=reason, message=reason, now=now)
    return refund


def _create_made_at_stripe(payment: Payment, facts: RefundFacts, *, now: datetime) -> Refund:
    """Create the row of a refund made in Stripe's dashboard, with its credit note."""
    reason = "Refunded at Stripe"
    note = _credit_remainder(
        payment.invoice, amount_minor=facts.amount_minor, reason=reason, actor=AT_STRIPE, now=now
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
    _log(refund, "refund.made_at_stripe", actor=AT_STRIPE, now=now)
    check_soon()
    return refund


def payout_token(refund: Refund) -> str:
    """The token of a refund that waits to be paid out."""
    return seen_token(refund.pk, refund.state)


@transaction.atomic
def book_payout(
    *, refund: Refund, reference: str, actor: Actor, now: datetime, seen: str | None = None
) -> Refund:
    """Book a bank transfer's refund as paid out by operations, with the bank's `reference`.

    Raises `CorrectionRefused` without a reference, and for a refund that needs no payout.
    """
    current = _locked(refund)
    require_seen(seen, now=payout_token(current), subject="This refund")
    if current.payment.method != Payment.Method.BANK_TRANSFER or current.state != State.PENDING:
        raise CorrectionRefused("This refund does not wait to be paid out by hand.")
    if not reference.strip():
        raise CorrectionRefused("Enter the reference of the payout.", field="reference")
    current.reference = reference.strip()
    _update(current, State.SUCCEEDED, actor=actor, now=now)
    return current


def _locked(refund: Refund) -> Refund:
    """Lock the refund's invoice, then read the refund again."""
    Invoice.objects.select_for_update().get(pk=refund.payment.invoice_id)
    return Refund.objects.select_related("payment__invoice").get(pk=refund.pk)


def _update(
    refund: Refund,
    state: Refund.State,
    *,
    now: datetime,
    code: str = "",
    message: str = "",
    actor: Actor = SYSTEM_ACTOR,
) -> None:
    """Record the refund's new state and its consequences, under the invoice's lock.

    `message` is Stripe's text, for operations only; the audit log has the reason of `code` in our
    words.
    """
    if state == State.PENDING or refund.state in (state, State.FAILED):
        return
    refund.state = state
    refund.finished_at = now
    refund.failure_message = message[:500] if state == State.FAILED else ""
    refund.save()
    failure = reason_of_failed_refund(code) if state == State.FAILED else ""
    _log(refund, f"refund.{state}", actor=actor, failure=failure, now=now)
    if state == State.SUCCEEDED and not refundable_minor(refund.payment):
        settle_fraud_warning(refund.payment, now=now)
    if state == State.FAILED:
        again = list(failures_to_repeat(invoice_id=refund.payment.invoice_id))
        raise_all(kind=REFUND_FAILED, causes=again, now=now)
    topic = topics.REFUND_MAIL if state == State.SUCCEEDED else topics.REFUND_FAILED_MAIL
    enqueue(topic=topic, key=f"refund:{refund.pk}", payload={"refund_id": refund.pk}, now=now)
    update_dunning(now=now)
    check_soon()


def _log(refund: Refund, action: str, *, actor: Actor, now: datetime, failure: str = "") -> None:
    audit.record(
        actor=actor,
        action=action,
        subject=refund.payment.invoice.number,
        subject_id=refund.payment.invoice_id,
        after={
            "amount": format_money(refund.amount_minor, refund.currency),
            "method": refund.payment.get_method_display(),
            "reason": refund.reason,
            **({"reference": refund.reference} if refund.reference else {}),
            **({"failure": failure} if failure else {}),
        },
        now=now,
    )
