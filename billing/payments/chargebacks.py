"""Chargebacks, booked as they are at Stripe (docs/decisions/0005).

An open chargeback changes no amount: the payment still counts. The amount of a lost one is owed
again from that day on. It is never charged automatically: the provider pays it. A bank may dispute
more than was paid, mostly since exchange rates moved: the payment is booked, and operations are
alerted to the rest.
"""

from datetime import datetime

from django.db import transaction
from django.urls import reverse

from billing import topics
from billing.charge_alerts import settle_fraud_warning
from billing.dunning.status import update_dunning
from billing.gateway.disputes import DisputeFacts
from billing.models import Chargeback, Invoice, Payment
from billing.money import format_money
from billing.payments.charging import PaymentMismatch
from core.actors import Actor, ActorKind
from core.operations.alerts import raise_alert, settle_alert
from core.operations.kinds import alert_kind
from core.outbox.delivery import enqueue
from tenants import audit
from tenants.alerts.schedule import check_soon

State = Chargeback.State
AT_THE_BANK = Actor(id=None, name="The card's bank", kind=ActorKind.SYSTEM)
ABOVE_PAYMENT = alert_kind(
    "billing.dispute_above_payment",
    title="A bank contests more than was paid",
    settled_by_hand=True,
)


def disputed_minor(facts: DisputeFacts, payment: Payment) -> int:
    """The amount of a dispute that concerns the provider: never more than the payment."""
    return min(facts.amount_minor, payment.amount_minor)


@transaction.atomic
def book_chargeback(*, facts: DisputeFacts, now: datetime) -> Chargeback | None:
    """Record a dispute as it is at Stripe; webhooks and the reconciliation both call this.

    Safe to repeat; a decided chargeback is never open again. Returns None if the payment is not
    ours, or if the dispute never moved money. Raises `PaymentMismatch` if payment or currency
    differ from the booked ones.
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


def _open(payment: Payment, facts: DisputeFacts, *, now: datetime) -> Chargeback:
    chargeback = Chargeback.objects.create(
        payment=payment,
        stripe_dispute_id=facts.stripe_dispute_id,
        amount_minor=disputed_minor(facts, payment),
        currency=payment.currency,
        reason=facts.reason[:60],
        evidence_due_at=facts.evidence_due_at,
        opened_at=facts.opened_at,
    )
    _announce(chargeback, now=now)
    # A contested payment can't be refunded: the bank decides.
    settle_fraud_warning(payment, now=now)
    _report_rest(chargeback, facts, now=now)
    check_soon()
    return chargeback


def _move(chargeback: Chargeback, facts: DisputeFacts, *, now: datetime) -> None:
    """Record the chargeback's new state and its consequences, under the invoice's lock."""
    state = facts.state or State.WON
    amount_minor = disputed_minor(facts, chargeback.payment)
    is_changed = (chargeback.state, chargeback.amount_minor) != (state, amount_minor)
    if not is_changed or (chargeback.state != State.OPEN and state == State.OPEN):
        return
    was_decided_so = chargeback.state == state
    if chargeback.amount_minor != amount_minor:
        _report_rest(chargeback, facts, now=now)
    chargeback.amount_minor = amount_minor
    chargeback.state = state
    if state != State.OPEN:
        chargeback.closed_at = chargeback.closed_at if was_decided_so else now
    chargeback.save()
    if not was_decided_so:
        _announce(chargeback, now=now)
    if state == State.WON:
        settle_alert(kind=ABOVE_PAYMENT, key=chargeback.stripe_dispute_id, now=now)
    update_dunning(now=now)
    check_soon()


def _report_rest(chargeback: Chargeback, facts: DisputeFacts, *, now: datetime) -> None:
    """Alert operations to the part of a dispute that is above its payment."""
    payment = chargeback.payment
    rest_minor = facts.amount_minor - payment.amount_minor
    if rest_minor <= 0:
        return
    contested, paid, rest = (
        format_money(minor, payment.currency)
        for minor in (facts.amount_minor, payment.amount_minor, rest_minor)
    )
    raise_alert(
        kind=ABOVE_PAYMENT,
        key=chargeback.stripe_dispute_id,
        summary=f"{contested} of {payment.invoice.number} is contested, but {paid} was paid. {paid}"
        f" is booked; {rest} more is at stake, which the provider does not owe.",
        next_step="Answer the dispute in Stripe's dashboard. If it is lost, book the rest as our "
        "own loss and settle this with a note.",
        link=reverse("admin:billing_chargeback_change", args=[chargeback.pk]),
        now=now,
    )


def _announce(chargeback: Chargeback, *, now: datetime) -> None:
    """Record the new state in the audit log and queue its mails, once per state."""
    audit.record(
        actor=AT_THE_BANK,
        action=f"chargeback.{chargeback.state}",
        subject=chargeback.payment.invoice.number,
        subject_id=chargeback.payment.invoice_id,
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
