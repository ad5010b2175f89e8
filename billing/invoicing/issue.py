"""Issue of invoices: numbers without gaps, and a copy of everything that an invoice prints."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import Provider
from billing import topics
from billing.charge_alerts import report_above_largest
from billing.charge_limits import largest_charge
from billing.choices import Collection
from billing.customer.profile import buyer
from billing.invoicing.numbering import INVOICE_NUMBERS, register, take_numbers
from billing.models import BillingProfile, Contract, Invoice, PaymentMethod
from billing.rating.rate_month import InvoiceDraft, LineDraft
from core.months import Month
from core.outbox.delivery import NewMessage

COPY_LINES = """
    COPY billing_invoiceline
        (invoice_id, position, kind, description, organization_id, organization_name, metric,
         quantity, unit_price, amount_minor, peak_event_id, peak_at, peak_count_before,
         peak_subject_name, peak_actor_name, adjusted_month, adjusted_from, reason)
    FROM STDIN
"""


def issue_invoices(
    *,
    provider: Provider,
    contract: Contract,
    profile: BillingProfile | None,
    drafts: Sequence[InvoiceDraft],
    month: Month,
    now: datetime,
    last_month: Month | None = None,
) -> list[Invoice]:
    """Issue the drafts of a month, numbered in their order, in the running transaction.

    Their period ends with `last_month` if they cover several months. The number sequence is locked
    until the transaction ends, so a rollback leaves no gap. Dates are in the provider's billing
    zone.
    """
    if not drafts:
        return []
    first = take_numbers(name=INVOICE_NUMBERS, count=len(drafts))
    zone = provider.billing_zone()
    shared = {
        "month": month.first_day,
        "currency": contract.currency,
        "tax_name": profile.tax_name if profile else "",
        "tax_rate": profile.tax_rate if profile else 0,
        "issued_at": now,
        "period_starts_at": contract.billed_start(month, zone),
        "period_ends_at": _period_ends_at(provider, last_month or month),
        "billing_time_zone": provider.billing_time_zone,
        "seller": settings.SELLER,
        "buyer": buyer(provider=provider, profile=profile),
    }
    invoices = [
        Invoice(
            **shared,
            number=f"{provider.invoice_prefix}-{first + index:06d}",
            kind=draft.kind.value,
            collection=draft.collection.value,
            contract_summary=_contract_summary(contract, draft),
            subtotal_minor=draft.subtotal_minor,
            tax_minor=draft.tax_minor,
            total_minor=draft.total_minor,
            carried_in_minor=draft.carried_in_minor,
            due_date=now.astimezone(zone).date() + _time_to_pay(draft, contract),
        )
        for index, draft in enumerate(drafts)
    ]
    Invoice.objects.bulk_create(invoices)
    register(series=INVOICE_NUMBERS, first=first, documents=invoices)
    _report_above_largest(invoices, contract, now=now)
    _copy_lines(
        (invoice, position, line)
        for invoice, draft in zip(invoices, drafts, strict=True)
        for position, line in enumerate(draft.lines, start=1)
    )
    return invoices


def _contract_summary(contract: Contract, draft: InvoiceDraft) -> dict[str, Any]:
    """The contract's, with the card that the document names if it says that one is charged."""
    is_charged = draft.collection is Collection.AUTOMATIC
    card = PaymentMethod.objects.current() if is_charged else None
    return contract.summary() | ({"card": str(card)} if card else {})


def _time_to_pay(draft: InvoiceDraft, contract: Contract) -> timedelta:
    # A charge to the card is due at once.
    is_automatic = draft.collection is Collection.AUTOMATIC
    return timedelta(days=0 if is_automatic else contract.payment_terms_days)


def _report_above_largest(
    invoices: Iterable[Invoice], contract: Contract, *, now: datetime
) -> None:
    for invoice in invoices:
        payable_minor = invoice.payable_at_issue_minor
        is_above = payable_minor > largest_charge(invoice.currency)
        if is_above and not contract.invoice_agreement:
            report_above_largest(invoice, payable_minor, now=now)


def _period_ends_at(provider: Provider, last_month: Month) -> datetime:
    """The end of the month, or the instant inside it at which the provider leaves."""
    ends_at = last_month.ends_at(provider.billing_zone())
    return min(ends_at, provider.leaves_at) if provider.leaves_at else ends_at


def deliveries_of(invoice: Invoice) -> list[NewMessage]:
    """The messages of an issued invoice: its documents, then the charge or the mail."""
    collects = topics.CHARGE if invoice.collection == Collection.AUTOMATIC else topics.INVOICE_MAIL
    return [
        NewMessage(topic=topic, key=f"invoice:{invoice.pk}", payload={"invoice_id": invoice.pk})
        for topic in (topics.DOCUMENTS, collects)
    ]


def _copy_lines(numbered: Iterable[tuple[Invoice, int, LineDraft]]) -> None:
    """Write lines by COPY: of hundreds of lines, an insert is half the cost of a close."""
    with connection.cursor() as cursor, cursor.copy(COPY_LINES) as copy:
        for invoice, position, line in numbered:
            copy.write_row(
                (
                    invoice.pk,
                    position,
                    line.kind.value,
                    line.description,
                    line.organization_id,
                    line.organization_name,
                    line.metric,
                    line.quantity,
                    line.unit_price,
                    line.amount_minor,
                    line.peak.event_id,
                    line.peak.at,
                    line.peak.count_before,
                    line.peak.subject_name,
                    line.peak.actor_name,
                    line.adjusted_month,
                    line.adjusted_from,
                    line.reason,
                )
            )
