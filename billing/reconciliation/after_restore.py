"""The reconciliation with Stripe after a restore, before anything is charged again."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from accounts.models import IssuedDocument, Provider
from billing.gateway import client as gateway
from billing.gateway.objects import PaymentFacts, PaymentOutcome
from billing.invoicing.numbering import INVOICE_NUMBERS
from billing.models import ChargeAttempt, Invoice, Payment, PaymentMethod, UnassignedPayment
from billing.money import format_money
from billing.payments.charging import settle
from billing.payments.unassigned import UNASSIGNED, book_found_payment
from billing.reconciliation.payments import reconcile
from core.operations.alerts import raise_alert
from core.operations.kinds import alert_kind
from core.schema import provider_schema

CARD_LOST = alert_kind("card_lost", title="Card lost by a restore", settled_by_hand=True)
# An attempt that was unfinished at the backup is resent for a day and looked up after it.
EARLIER = timedelta(days=2)


@dataclass(slots=True)
class AfterRestore:
    """Counts of payments, and the problems for which the provider must stay stopped."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def reconcile_after_restore(
    *, provider: Provider, taken_at: datetime, now: datetime
) -> AfterRestore:
    """Book at Stripe's word what the restored schema does not know; safe to repeat.

    Reads the payments since two days before the backup, then refunds, disputes and the card on
    file. Raises `GatewayError` when Stripe does not answer.
    """
    result = AfterRestore()
    customer_id = provider.stripe_customer_id
    if not customer_id:
        return result
    with provider_schema(provider):
        held = list(gateway.payments_since(customer_id=customer_id, since=taken_at - EARLIER))
        for facts in reversed(held):  # oldest first
            if facts.provider_id == str(provider.provider_id) and facts.attempt_key:
                _take_in(facts, provider=provider, result=result, now=now)
        _compare_card(provider=provider, now=now)
    result.counts["differences"] = len(reconcile(provider=provider, now=now))
    return result


def _take_in(
    facts: PaymentFacts, *, provider: Provider, result: AfterRestore, now: datetime
) -> None:
    """Book one payment of ours at Stripe, or keep it for the invoice to come."""
    if Payment.objects.filter(stripe_payment_intent_id=facts.payment_intent_id).exists():
        return
    attempt = ChargeAttempt.objects.filter(idempotency_key=facts.attempt_key).first()
    if attempt is not None:
        settle(attempt_id=attempt.pk, facts=facts, now=now)
    elif facts.outcome is PaymentOutcome.NEEDS_CONFIRMATION:
        # Its attempt is lost, but the mail with its link may still be opened.
        gateway.cancel_payment(payment_intent_id=facts.payment_intent_id)
        result.counts["cancelled"] += 1
    elif facts.outcome is PaymentOutcome.PROCESSING:
        result.problems.append(f"{facts.payment_intent_id} is still being processed at Stripe.")
    elif facts.outcome is PaymentOutcome.SUCCEEDED:
        invoice = Invoice.objects.filter(number=facts.invoice_number).first()
        if invoice is not None:
            book_found_payment(invoice=invoice, facts=facts, now=now)
            result.counts["payments_booked"] += 1
        else:
            _keep(facts, provider=provider, now=now)
            result.counts["payments_of_lost_invoices"] += 1


def _keep(facts: PaymentFacts, *, provider: Provider, now: datetime) -> None:
    """Keep a payment for the invoice to come, and its lost number out of use.

    After a restore of the whole database the register lacks the number too.
    """
    month = date.fromisoformat(facts.invoice_month) if facts.invoice_month else None
    IssuedDocument.objects.get_or_create(
        provider=provider,
        series=INVOICE_NUMBERS,
        position=int(facts.invoice_number.rpartition("-")[2]),
        defaults={
            "number": facts.invoice_number,
            "kind": facts.invoice_kind,
            "month": month,
            "currency": facts.currency,
            "total_minor": facts.amount_minor,
            "issued_at": now,
        },
    )
    UnassignedPayment.objects.get_or_create(
        stripe_payment_intent_id=facts.payment_intent_id,
        defaults={
            "lost_number": facts.invoice_number,
            "kind": facts.invoice_kind,
            "month": month,
            "amount_minor": facts.amount_minor,
            "currency": facts.currency,
            "found_at": now,
        },
    )
    amount = format_money(facts.amount_minor, facts.currency)
    raise_alert(
        kind=UNASSIGNED,
        key=facts.payment_intent_id,
        summary=f"{amount} was paid for {facts.invoice_number}, which a restore lost.",
        next_step="The next close of that month uses it, and so does the next order of packs for "
        "this amount in that month. If neither comes, refund it in Stripe's dashboard, or record "
        f"it as a transfer of another invoice, with {facts.payment_intent_id} as the reference. "
        "The nightly comparison with Stripe then settles this.",
        now=now,
    )


def _compare_card(*, provider: Provider, now: datetime) -> None:
    """Alert if the card on file was replaced after the backup: its holder enters it again."""
    card = PaymentMethod.objects.current()
    if card is None:
        return
    at_stripe = gateway.card(payment_method_id=card.stripe_payment_method_id)
    if at_stripe.customer_id != provider.stripe_customer_id:
        raise_alert(
            kind=CARD_LOST,
            key=card.stripe_payment_method_id,
            summary=f"{card} was replaced after the backup; charges of it will be refused.",
            next_step="Ask the provider to enter its card again.",
            now=now,
        )
