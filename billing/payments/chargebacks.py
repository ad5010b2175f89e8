"""Chargebacks, booked as they are at Stripe (docs/decisions/0005).

An open chargeback changes no amount: the payment still counts. The amount of a lost one is owed
again from that day on. It is never charged automatically: the provider pays it.
"""

from datetime import datetime

from django.db import transaction

from billing import topics
from billing.dunning.status import update_dunning
from billing.gateway.disputes import DisputeFacts
from billing.models import Chargeback, Invoice, Payment
from billing.money import format_money
from billing.payments.charging import PaymentMismatch
from core.actors import Actor
from core.outbox.delivery import enqueue
from tenants import audit
from tenants.alerts.schedule import check_soon

State = Chargeback.State
AT_THE_BANK = Actor(id=None, name="The card's bank")


@transaction.atomic
def book_chargeback(*, facts: DisputeFacts, now: datetime) -> Chargeback | None:
    """Record a dispute as it is at Stripe; webhooks and the reconciliation both call this.

    Safe to repeat; a decided chargeback is never open again. Returns None if the payment is not
    ours, or if the dispute never moved money. Raises `PaymentMismatch` if payment or currency
    differ from the booked ones, or if the amount is above the payment's.
    """
    payment = Payment.objects.filter(stripe_payment_intent_id=facts.payment_intent_id).first()
    if payment is None or not facts.payment_intent_id:
        return None
    Invoice.objects.select_for_update().get(pk=payment.invoice_id)
    known = Chargeback.objects.filter(stripe_dispute_id=facts.stripe_dispute_id).first()
    if known is None and facts.state is None:
        return None
    _check_it_is_ours(payment, known, facts)
    chargeback = known or _open(payment, facts, now=now)
    _move(chargeback, facts, now=now)
    return chargeback


def _check_it_is_ours(payment: Payment, known: Chargeback | None, facts: DisputeFacts) -> None:
    is_same = known is None or known.payment_id == payment.pk
    if not is_same or facts.currency != payment.currency or facts.amount_minor <= 0:
        raise PaymentMismatch(
            f"{facts.stripe_dispute_id} is not about {payment}: another payment, amount or currency"
        )
    if facts.amount_minor > payment.amount_minor:
        raise PaymentMismatch(f"{facts.stripe_dispute_id} takes back more than {payment}")


def _open(payment: Payment, facts: DisputeFacts, *, now: datetime) -> Chargeback:
    chargeback = Chargeback.objects.create(
        payment=payment,
        stripe_dispute_id=facts.stripe_dispute_id,
        amount_minor=facts.amount_minor,
        currency=payment.currency,
        reason=facts.reason[:60],
        evidence_due_at=facts.evidence_due_at,
        opened_at=facts.opened_at,
    )
    _announce(chargeback, now=now)
    check_soon()
    return chargeback


def _move(chargeback: Chargeback, facts: DisputeFacts, *, now: datetime) -> None:
    """Record the chargeback's new state and its consequences, under the invoice's lock."""
    state = facts.state or State.WON
    is_changed = (chargeback.state, chargeback.amount_minor) != (state, facts.amount_minor)
    if not is_changed or (chargeback.state != State.OPEN and state == State.OPEN):
        return
    was_decided_so = chargeback.state == state
    chargeback.amount_minor = facts.amount_minor
    chargeback.state = state
    if state != State.OPEN:
        chargeback.closed_at = chargeback.closed_at if was_decided_so else now
    chargeback.save()
    if not was_decided_so:
        _announce(chargeback, now=now)
    update_dunning(now=now)
    check_soon()


def _announce(chargeback: Chargeback, *, now: datetime) -> None:
    """Record the new state in the audit log and queue its mails, once per state."""
    audit.record(
        actor=AT_THE_BANK,
        action=f"chargeback.{chargeback.state}",
        subject=chargeback.payment.invoice.number,
        after={
            "amount": format_money(chargeback.amount_minor, chargeback.currency),
            "reason": chargeback.reason,
        },
        now=now,
    )
    enqueue(
        topic=topics.CHARGEBACK_MAIL,
        key=f"chargeback:{chargeback.pk}:{chargeback.state}",
        payload={"chargeback_id": chargeback.pk, "state": chargeback.state},
        now=now,
    )
