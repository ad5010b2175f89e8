"""Operations alerts about charges that no retry and no card can settle, and reported ones."""

from datetime import datetime

from django.urls import reverse

from billing.charge_limits import largest_charge, smallest_charge
from billing.models import ChargeAttempt, Invoice, Payment
from billing.money import format_money
from core.operations.alerts import raise_alert, settle_alert
from core.operations.kinds import alert_kind

CHARGE_REFUSED = alert_kind(
    "billing.charge_refused", title="Stripe refused a charge", settled_by_hand=True
)
ABOVE_LARGEST = alert_kind(
    "billing.above_largest_charge",
    title="An invoice is above the largest card charge",
    settled_by_hand=True,
)
FRAUD_WARNING = alert_kind(
    "billing.fraud_warning", title="A payment is reported as fraud", settled_by_hand=True
)


def report_refused_charge(attempt: ChargeAttempt, *, now: datetime) -> None:
    """Raise the alert of a request that Stripe refused, in the running transaction."""
    invoice = attempt.invoice
    amount = format_money(attempt.amount_minor, attempt.currency)
    raise_alert(
        kind=CHARGE_REFUSED,
        key=invoice.number,
        summary=f"{invoice.number}, {amount}: {attempt.decline_code or 'no code'}. "
        f"{attempt.failure_message}",
        next_step=_next_step(attempt),
        link=_invoice_page(invoice),
        now=now,
    )


def _next_step(attempt: ChargeAttempt) -> str:
    if attempt.decline_code == "amount_too_small":
        least = format_money(smallest_charge(attempt.currency), attempt.currency)
        return (
            f"Stripe wants more than our smallest charge, {least}. Set SMALLEST_CHARGES for "
            f"{attempt.currency}: the amount is then carried to the next invoice."
        )
    if attempt.decline_code == "amount_too_large":
        most = format_money(largest_charge(attempt.currency), attempt.currency)
        return (
            f"Stripe takes less than our largest charge, {most}. Set LARGEST_CHARGES for "
            f"{attempt.currency}, and ask the provider for a transfer."
        )
    return (
        "The same request is not sent again. Find the cause, then ask the provider for "
        "another card or a transfer, or write the invoice off."
    )


def report_above_largest(invoice: Invoice, minor: int, *, now: datetime) -> None:
    """Raise the alert of an invoice that no card can pay at once, in the running transaction."""
    amount = format_money(minor, invoice.currency)
    most = format_money(largest_charge(invoice.currency), invoice.currency)
    raise_alert(
        kind=ABOVE_LARGEST,
        key=invoice.number,
        summary=f"{invoice.number}: {amount} is above the largest card charge, {most}.",
        next_step="Send the provider our bank details, and record the transfer when it arrives.",
        link=_invoice_page(invoice),
        now=now,
    )


def settle_charge_alerts(invoice: Invoice, *, now: datetime) -> None:
    """Settle the alerts of an invoice on which nothing is due any more."""
    for kind in (CHARGE_REFUSED, ABOVE_LARGEST):
        settle_alert(kind=kind, key=invoice.number, now=now)


def report_fraud_warning(payment: Payment, *, fraud_type: str, now: datetime) -> None:
    """Raise the alert of a payment that a card network reports, in the running transaction."""
    amount = format_money(payment.amount_minor, payment.currency)
    raise_alert(
        kind=FRAUD_WARNING,
        key=str(payment.stripe_payment_intent_id),
        summary=f"The card network reports the payment of {amount} for {payment.invoice.number} as "
        f"fraud ({fraud_type or 'no type given'}).",
        next_step="Ask the provider whether it knows the payment. If it does not, refund it on its "
        "page: a bank that takes it back charges a fee as well. If it does, settle this with a "
        "note.",
        link=reverse("admin:billing_payment_change", args=[payment.pk]),
        now=now,
    )


def settle_fraud_warning(payment: Payment, *, now: datetime) -> None:
    """Settle the alert of a payment of which nothing is left to refund."""
    settle_alert(kind=FRAUD_WARNING, key=str(payment.stripe_payment_intent_id), now=now)


def _invoice_page(invoice: Invoice) -> str:
    return reverse("admin:billing_invoice_change", args=[invoice.pk])
