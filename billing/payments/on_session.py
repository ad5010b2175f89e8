"""On-session payments: the card holder confirms a charge, or enters a card, at a payment link.

Both use the invoice's one unfinished attempt, so that no other charge runs beside it. Once the
client secret was given out, only a payment that Stripe reports as cancelled counts as failed.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.providers import current_provider
from billing.charge_limits import is_too_small, largest_charge, smallest_charge
from billing.formatting import date_text
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Invoice
from billing.money import format_money
from billing.payments import charging
from billing.payments.cards import customer_of
from billing.payments.transfers_under_way import transfer_under_way

State = ChargeAttempt.State


class NothingToPay(Exception):
    """Nothing is due on the invoice; it may just have been paid."""


class PaymentInProgress(Exception):
    """A charge of this invoice is running; it has to finish first."""


class PaymentRefused(Exception):
    """No card can pay this now; the message is shown to the payer."""


@dataclass(frozen=True, slots=True)
class OnSession:
    """Values for the browser; `payment_method_id` only to confirm the card on file."""

    client_secret: str
    payment_method_id: str


def begin_on_session(*, invoice_id: int, now: datetime) -> OnSession:
    """Let the browser confirm the invoice's payment; create the payment if there is none.

    Raises `NothingToPay`, `PaymentInProgress`, `PaymentRefused` and `gateway.GatewayError`.
    """
    customer_id = customer_of(current_provider())
    attempt = _open(invoice_id=invoice_id, customer_id=customer_id, now=now)
    is_waiting = attempt.state == State.NEEDS_CONFIRMATION
    if is_waiting and attempt.amount_minor != attempt.invoice.amounts.due_minor:
        # Part of the invoice was paid, credited or disputed since.
        charging.withdraw(attempt, now=now)
        attempt = _open(invoice_id=invoice_id, customer_id=customer_id, now=now)
    attempt = charging.pursue(attempt, now=now)
    if attempt.state == State.SUCCEEDED:
        raise NothingToPay
    if attempt.is_refused_request:
        raise PaymentRefused(attempt.reason)
    if attempt.state != State.NEEDS_CONFIRMATION:
        raise PaymentInProgress
    asks_holder = attempt.decline_code == "authentication_required"
    return OnSession(
        client_secret=gateway.payment_secret(payment_intent_id=attempt.stripe_payment_intent_id),
        payment_method_id=attempt.stripe_payment_method_id if asks_holder else "",
    )


def card_obstacle(invoice: Invoice) -> str:
    """Return why no card can pay what is due on the invoice, as sentences; empty if one can."""
    due_minor, currency = invoice.amounts.due_minor, invoice.currency
    amount = format_money(due_minor, currency)
    transfer = transfer_under_way(invoice)
    if transfer is not None:
        return (
            f"A bank transfer of {format_money(transfer.amount_minor, currency)} is announced, "
            f"expected by {date_text(transfer.expected_on)}. No card is charged meanwhile, so that "
            "the invoice is not paid twice. To pay by card instead, withdraw the transfer on the "
            "invoice’s page in the portal."
        )
    if is_too_small(due_minor, currency):
        least = format_money(smallest_charge(currency), currency)
        return (
            f"{amount} is too small for a card: the smallest charge is {least}. You need not do "
            "anything. It is added to your next invoice."
        )
    if due_minor > largest_charge(currency):
        most = format_money(largest_charge(currency), currency)
        return (
            f"{amount} is above the largest card payment, {most}. Please pay this invoice by bank "
            f"transfer. For our bank details write to {invoice.seller['email']}."
        )
    return ""


@transaction.atomic(durable=True)
def _open(*, invoice_id: int, customer_id: str, now: datetime) -> ChargeAttempt:
    """Return the attempt to confirm; `secret_given_at` commits before the secret is given out."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    due_minor = invoice.amounts.due_minor
    if due_minor == 0:
        raise NothingToPay
    attempts = list(invoice.attempts.order_by("finished_at", "pk"))
    attempt = next((each for each in attempts if each.finished_at is None), None)
    if attempt is None:
        why_not = card_obstacle(invoice)
        if why_not:
            raise PaymentRefused(why_not)
        refused = charging.refused_before(attempts, amount_minor=due_minor, payment_method_id="")
        if refused is not None:
            raise PaymentRefused(refused.reason)
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
        raise PaymentInProgress
    if attempt.secret_given_at is None:
        attempt.secret_given_at = now
        attempt.save(update_fields=["secret_given_at"])
    return attempt


def settle_return(*, invoice: Invoice, payment_intent_id: str, now: datetime) -> State | None:
    """Settle the payment from which a browser returns; None if it is not a payment of `invoice`.

    Reads the payment from Stripe. Raises `gateway.GatewayError`.
    """
    attempt = invoice.attempts.filter(stripe_payment_intent_id=payment_intent_id).first()
    if attempt is None or not payment_intent_id:
        return None
    facts = gateway.payment(payment_intent_id=payment_intent_id)
    return State(charging.settle(attempt_id=attempt.pk, facts=facts, now=now).state)
