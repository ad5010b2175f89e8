"""Delivering again what nothing delivers: operations do it from an alert of a promise.

Each is safe to repeat: a document is rendered once, a charge is made only of what nothing charges.
"""

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction

from billing import topics
from billing.choices import Collection
from billing.models import CreditNote, Invoice, Refund
from billing.payments.uncharged import uncharged
from core.actors import Actor
from core.outbox.delivery import NewMessage, enqueue_all
from tenants import audit


@transaction.atomic
def deliver_invoice_again(*, invoice: Invoice, actor: Actor, now: datetime) -> None:
    """Queue its documents, and its mail, or its charge if nothing else charges it."""
    Invoice.objects.select_for_update().get(pk=invoice.pk)
    about = {"invoice_id": invoice.pk}
    messages = [_again(topics.DOCUMENTS, about)]
    if invoice.collection != Collection.AUTOMATIC and invoice.voided_at is None:
        messages.append(_again(topics.INVOICE_MAIL, about))
    if uncharged(before=now, invoice_id=invoice.pk):
        charge = _again(topics.CHARGE, about)
        # The key is the cause: this message makes one attempt, however often it is delivered.
        messages.append(NewMessage(charge.topic, charge.key, {**about, "cause": charge.key}))
    _queue(messages, subject=invoice.number, actor=actor, now=now)


@transaction.atomic
def deliver_credit_note_again(*, note: CreditNote, actor: Actor, now: datetime) -> None:
    """Queue its document and its mail."""
    message = _again(topics.CREDIT_NOTE, {"credit_note_id": note.pk})
    _queue([message], subject=note.number, actor=actor, now=now)


@transaction.atomic
def deliver_refund_again(*, refund: Refund, actor: Actor, now: datetime) -> None:
    """Queue a refund to a card that is not finished; it is looked up at Stripe before it is sent.

    The refund of a bank transfer is paid out by hand: nothing is queued.
    """
    is_open = refund.state == Refund.State.PENDING
    if is_open and refund.payment.attempt_id is not None:
        message = _again(topics.REFUND, {"refund_id": refund.pk})
        _queue([message], subject=refund.payment.invoice.number, actor=actor, now=now)


def _again(topic: str, payload: dict[str, Any]) -> NewMessage:
    return NewMessage(topic=topic, key=f"again:{uuid.uuid4().hex}", payload=payload)


def _queue(messages: list[NewMessage], *, subject: str, actor: Actor, now: datetime) -> None:
    enqueue_all(messages=messages, now=now)
    audit.record(
        actor=actor,
        action="messages.queued_again",
        subject=subject,
        after={"queued": ", ".join(message.topic for message in messages)},
        now=now,
    )
