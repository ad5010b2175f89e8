"""Refunds are ordered: never more than was paid, and never so that a debt comes back."""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from billing import topics
from billing.corrections.credit_amounts import credit_of_total
from billing.corrections.credit_notes import Taken, credited_split, issue_note, split_of
from billing.corrections.refund_log import log_refund
from billing.dunning.status import update_dunning
from billing.models import Chargeback, CreditNote, Invoice, Payment, Refund
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused
from core.actors import Actor
from core.outbox.delivery import enqueue


def refundable_minor(payment: Payment) -> int:
    """What can still be given back of a payment; nothing while, or after, its bank contests it."""
    if payment.chargebacks.exclude(state=Chargeback.State.WON).exists():
        return 0
    back = payment.refunds.exclude(state=Refund.State.FAILED).aggregate(back=Sum("amount_minor"))[
        "back"
    ]
    return max(0, payment.amount_minor - (back or 0))


@transaction.atomic
def order_refund(
    *,
    payment: Payment,
    amount_minor: int,
    reason: str,
    actor: Actor,
    now: datetime,
    credit_note: CreditNote | None = None,
) -> Refund:
    """Give back a part of a payment: row and message here, the call to Stripe by a worker.

    What had not come in on top of the invoice is credited with it in the same act: giving money
    back never brings a debt back. A bank transfer waits to be paid out by hand. Raises
    `CorrectionRefused` beyond what is left of the payment.
    """
    invoice = Invoice.objects.select_for_update().get(pk=payment.invoice_id)
    _check_order(payment, amount_minor=amount_minor, reason=reason)
    credited = credit_unpaid_remainder(
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
    log_refund(refund, "refund.ordered", actor=actor, now=now)
    update_dunning(now=now)
    return refund


def _check_order(payment: Payment, *, amount_minor: int, reason: str) -> None:
    if not reason.strip():
        raise CorrectionRefused("Give the reason: the provider reads it.", field="reason")
    if amount_minor <= 0:
        raise CorrectionRefused("Enter what is to be given back.", field="amount")
    left = refundable_minor(payment)
    if amount_minor > left:
        raise CorrectionRefused(
            f"No more than {format_money(left, payment.currency)} of this payment can be refunded.",
            field="amount",
        )


def credit_unpaid_remainder(
    invoice: Invoice, *, amount_minor: int, reason: str, actor: Actor, now: datetime
) -> CreditNote | None:
    """A note for the part of a refund that the locked invoice carried; None where there is none."""
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
    taken = Taken(description=reason.strip(), amount_minor=split.subtotal_minor)
    return issue_note(
        invoice=invoice, split=split, taken=[taken], reason=reason.strip(), actor=actor, now=now
    )


def refund_overpayment(
    *, invoice: Invoice, note: CreditNote | None, reason: str, actor: Actor, now: datetime
) -> list[Refund]:
    """Order refunds of what came in on top of what the locked invoice carries, newest first.

    A payment that its bank contests is left out: what cannot be given back stays a surplus.
    """
    ordered = []
    for payment in invoice.payments.order_by("-received_at", "-pk"):
        amount = min(invoice.amounts.overpaid_minor, refundable_minor(payment))
        if amount > 0:
            ordered.append(
                order_refund(
                    payment=payment,
                    amount_minor=amount,
                    reason=reason,
                    actor=actor,
                    now=now,
                    credit_note=note,
                )
            )
    return ordered
