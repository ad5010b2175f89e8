"""An ordered refund goes to Stripe, once, however often it is tried."""

from datetime import datetime, timedelta

from accounts.providers import current_provider
from billing.corrections.refund_booking import book, fail
from billing.gateway import client as gateway
from billing.gateway import refunds as stripe_refunds
from billing.gateway.refunds import RefundFacts
from billing.models import Refund
from billing.payments.charging import KEY_IS_FORGOTTEN, RESEND_WITHIN
from core.outbox.topics import Postpone

SOON = timedelta(seconds=30)
SLOWLY = timedelta(hours=1)


class _Declined(Exception):
    """Stripe will not make this refund."""


def send_refund(*, refund_id: int, now: datetime) -> None:
    """Ask Stripe for an ordered refund, once; safe to repeat and to be killed at any point.

    Sent before and not heard of, it is looked up, and sent again with the same key only while
    Stripe still knows that. Raises `Postpone` while the outcome is open.
    """
    refund = Refund.objects.select_related("payment__invoice").get(pk=refund_id)
    if refund.state != Refund.State.PENDING:
        return
    try:
        facts = _found(refund) or _sent(refund, now=now)
    except _Declined as declined:
        fail(refund, message=str(declined), now=now)
        return
    except (gateway.OutcomeUnknown, gateway.NotDone) as away:
        raise Postpone(now + SOON) from away
    if facts is None:
        fail(refund, message="Stripe never received it.", now=now)
    elif book(facts=facts, now=now).state == Refund.State.PENDING:
        raise Postpone(now + SLOWLY)


def _found(refund: Refund) -> RefundFacts | None:
    """What Stripe holds of a refund that was sent before."""
    if refund.stripe_refund_id:
        return stripe_refunds.refund(stripe_refund_id=refund.stripe_refund_id)
    if refund.sent_at is None:
        return None
    held = stripe_refunds.refunds_of(payment_intent_id=str(refund.payment.stripe_payment_intent_id))
    return next((facts for facts in held if facts.refund_key == refund.idempotency_key), None)


def _sent(refund: Refund, *, now: datetime) -> RefundFacts | None:
    """The answer to sending it; None once it is certain that an earlier sending never arrived."""
    if refund.sent_at and now - refund.sent_at >= KEY_IS_FORGOTTEN:
        return None
    if refund.sent_at and now - refund.sent_at >= RESEND_WITHIN:
        raise Postpone(refund.sent_at + KEY_IS_FORGOTTEN)
    # Before the call: a process killed inside it leaves "sent" behind, and is looked up.
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
        raise _Declined(str(refusal)) from refusal
