"""Refunds that failed and whose money the provider is still owed."""

from collections.abc import Iterator

from django.urls import reverse

from billing.models import Invoice, Refund
from billing.money import format_money
from core.operations.alerts import Cause

REFUND_FAILED = "billing.refund_failed"


def failures_to_repeat(*, invoice_id: int | None = None) -> Iterator[Cause]:
    """Each invoice, or this one, that is overpaid since a refund of it failed.

    It is no longer once the amount is refunded again, or taken back by the card's bank.
    """
    failed = Refund.objects.filter(state=Refund.State.FAILED)
    if invoice_id is not None:
        failed = failed.filter(payment__invoice=invoice_id)
    invoices = Invoice.objects.with_paid().filter(pk__in=failed.values("payment__invoice"))
    for invoice in invoices.order_by("pk"):
        if not invoice.amounts.overpaid_minor:
            continue
        owed = format_money(invoice.amounts.overpaid_minor, invoice.currency)
        yield Cause(
            key=invoice.number,
            summary=f"{owed} of {invoice.number} did not go back to the provider.",
            next_step="Read the failure message of the refund. Refund the payment again: no second "
            "credit note is issued. If the card no longer exists, pay by transfer.",
            link=reverse("admin:billing_invoice_change", args=[invoice.pk]),
        )
