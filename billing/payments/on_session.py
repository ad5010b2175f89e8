"""Paying while somebody is there: the bank's question to the holder, or a card entered on the spot.

Both use the invoice's one unfinished attempt, so that no other charge runs beside it. From the
moment its secret is given out only Stripe's own word that it is cancelled counts as a failure.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.providers import current_provider
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Invoice
from billing.payments import charging
from billing.payments.cards import customer_of

State = ChargeAttempt.State


class NothingToPay(Exception):
    """Nothing is due on the invoice, or somebody just paid it."""


class ChargeIsRunning(Exception):
    """A charge of this invoice is under way; it has to end first."""


@dataclass(frozen=True, slots=True)
class OnSession:
    """What the browser needs; `payment_method_id` only to confirm the card on file."""

    client_secret: str
    payment_method_id: str


def begin_on_session(*, invoice_id: int, now: datetime) -> OnSession:
    """Let the browser confirm the invoice's payment, which is made when there is none.

    Raises `NothingToPay`, `ChargeIsRunning` and `gateway.GatewayError`.
    """
    customer_id = customer_of(current_provider())
    attempt = _open(invoice_id=invoice_id, customer_id=customer_id, now=now)
    if _has_another_amount(attempt):
        charging.withdraw(attempt, now=now)
        attempt = _open(invoice_id=invoice_id, customer_id=customer_id, now=now)
    attempt = charging.pursue(attempt, now=now)
    if attempt.state == State.SUCCEEDED:
        raise NothingToPay
    if attempt.state != State.NEEDS_CONFIRMATION:
        raise ChargeIsRunning
    asks_holder = attempt.decline_code == "authentication_required"
    return OnSession(
        client_secret=gateway.payment_secret(payment_intent_id=attempt.stripe_payment_intent_id),
        payment_method_id=attempt.stripe_payment_method_id if asks_holder else "",
    )


@transaction.atomic(durable=True)
def _open(*, invoice_id: int, customer_id: str, now: datetime) -> ChargeAttempt:
    """The attempt to confirm, noted as given out before anybody gets its secret."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    due_minor = invoice.amounts.due_minor
    if due_minor == 0:
        raise NothingToPay
    attempt: ChargeAttempt | None = invoice.attempts.filter(finished_at=None).first()
    if attempt is None:
        return ChargeAttempt.objects.create(
            invoice=invoice,
            cause=f"{ChargeAttempt.ON_SESSION}{uuid.uuid4().hex}",
            idempotency_key=f"charge-{uuid.uuid4().hex}",
            amount_minor=due_minor,
            currency=invoice.currency,
            stripe_customer_id=customer_id,
            stripe_payment_method_id="",
            secret_given_at=now,
            created_at=now,
        )
    if attempt.state != State.NEEDS_CONFIRMATION and not attempt.is_on_session:
        raise ChargeIsRunning
    if attempt.secret_given_at is None:
        attempt.secret_given_at = now
        attempt.save(update_fields=["secret_given_at"])
    return attempt


def _has_another_amount(attempt: ChargeAttempt) -> bool:
    """Whether part of the invoice was settled or disputed since the attempt was made."""
    return (
        attempt.state == State.NEEDS_CONFIRMATION
        and attempt.amount_minor != attempt.invoice.amounts.due_minor
    )


def settle_return(*, invoice: Invoice, payment_intent_id: str, now: datetime) -> State | None:
    """What Stripe itself says of the payment a browser comes back from; None if it is not ours.

    Raises `gateway.GatewayError`.
    """
    attempt = invoice.attempts.filter(stripe_payment_intent_id=payment_intent_id).first()
    if attempt is None or not payment_intent_id:
        return None
    facts = gateway.payment(payment_intent_id=payment_intent_id)
    return State(charging.settle(attempt_id=attempt.pk, facts=facts, now=now).state)
