"""One invoice as its page shows it, every value a text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from billing.choices import LineKind
from billing.customer.addresses import country_name
from billing.documents.explanation_links import explanation_of_line
from billing.formatting import date_text, instant_text, month_text, quantity_text
from billing.models import ChargeAttempt, Invoice, InvoiceLine, LineDispute, Payment
from billing.money import format_money, format_unit_price
from billing.pages.chargebacks import ChargebackRow, chargeback_rows
from billing.pages.corrections import Corrections
from billing.payments.retries import next_attempt_at
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line; `organization_id` only while the organization is there to be looked at.

    `why_url` is empty for a line of no organization. `dispute` says how a dispute of it stands;
    `is_disputable` whether there may be one.
    """

    position: int
    name: str
    organization_id: int | None
    quantity: str
    unit_price: str
    amount: str
    reached: str
    by: str
    why_url: str
    reason: str
    dispute: str
    dispute_state: str
    is_disputable: bool


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt to charge the card."""

    at: str
    state: str
    state_text: str
    amount: str
    remark: str


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """Money that came in."""

    at: str
    method: str
    amount: str


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A stored document and its SHA-256."""

    format: str
    rendered_at: str
    sha256: str


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """What stands around the lines."""

    facts: list[tuple[str, str]]
    parties: list[tuple[str, list[str]]]
    totals: list[tuple[str, str]]
    attempts: list[AttemptRow]
    payments: list[PaymentRow]
    chargebacks: list[ChargebackRow]
    corrections: Corrections
    documents: list[DocumentRow]
    next_attempt: str

    @classmethod
    def of(cls, invoice: Invoice) -> "InvoicePage":
        """Read the attempts, payments and documents of the invoice."""
        zone = invoice.billing_zone()
        next_at = next_attempt_at(invoice)
        return cls(
            next_attempt=instant_text(next_at, zone) if next_at else "",
            facts=_facts(invoice, zone),
            parties=[("From", _party(invoice.seller)), ("Bill to", _party(invoice.buyer))],
            totals=_totals(invoice),
            attempts=[_attempt(row, zone) for row in invoice.attempts.order_by("-created_at")],
            payments=[
                _payment(payment, zone) for payment in invoice.payments.order_by("-received_at")
            ],
            chargebacks=chargeback_rows(invoice),
            corrections=Corrections.of(invoice),
            documents=[
                DocumentRow(
                    format=document.get_format_display(),
                    rendered_at=instant_text(document.rendered_at, zone),
                    sha256=document.sha256,
                )
                for document in invoice.documents.defer("content").order_by("-format")
            ],
        )


def line_rows(lines: Iterable[InvoiceLine], *, invoice: Invoice) -> list[LineRow]:
    """The lines with when each peak was reached, who was added by whom, and the count then."""
    lines = list(lines)
    living = set(
        Organization.objects.filter(
            pk__in=[line.organization_id for line in lines], removed_at=None
        ).values_list("pk", flat=True)
    )
    disputes = {
        dispute.line_id: dispute
        for dispute in LineDispute.objects.filter(line__in=[line.pk for line in lines])
    }
    zone = invoice.billing_zone()
    return [
        _line(line, invoice=invoice, zone=zone, living=living, dispute=disputes.get(line.pk))
        for line in lines
    ]


def _line(
    line: InvoiceLine,
    *,
    invoice: Invoice,
    zone: ZoneInfo,
    living: set[int],
    dispute: LineDispute | None,
) -> LineRow:
    is_free = line.kind == LineKind.BASIS
    is_there = line.organization_id in living
    currency = invoice.currency
    return LineRow(
        position=line.position,
        name=_name(line),
        organization_id=line.organization_id if is_there else None,
        quantity=quantity_text(line.quantity, line.unit),
        unit_price="" if is_free else format_unit_price(line.unit_price, currency),
        amount="" if is_free else format_money(line.amount_minor, currency),
        reached=_reached(line, zone),
        by=_by(line),
        why_url=explanation_of_line(line, month=invoice.month),
        reason=line.reason,
        dispute=dispute.get_state_display() if dispute else "",
        dispute_state=dispute.state if dispute else "",
        is_disputable=(
            dispute is None
            and line.amount_minor > 0
            and invoice.voided_at is None
            and invoice.written_off_at is None
        ),
    )


def _name(line: InvoiceLine) -> str:
    is_late = line.adjusted_month is not None
    return line.description if is_late else line.organization_name or line.description


def _reached(line: InvoiceLine, zone: ZoneInfo) -> str:
    if line.organization_id is None:
        return ""
    return instant_text(line.peak_at, zone) if line.peak_at else "Carried in"


def _by(line: InvoiceLine) -> str:
    if line.organization_id is None:
        return ""
    if line.peak_at is None:
        return "The month began at this level and never passed it"
    who = f"{line.peak_subject_name} added" if line.peak_subject_name else ""
    by = f"{who or 'Added'} by {line.peak_actor_name}" if line.peak_actor_name else who
    if line.peak_count_before is None:
        return by
    arrow = "\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}"
    count = f"{line.peak_count_before:,}{arrow}{line.peak_count_before + 1:,}"
    return f"{by}, {count}" if by else count


def _facts(invoice: Invoice, zone: ZoneInfo) -> list[tuple[str, str]]:
    summary: dict[str, Any] = invoice.contract_summary
    facts = [
        ("Billing month", month_text(invoice.month)),
        ("Date of issue", date_text(invoice.issued_at.astimezone(zone).date())),
        ("Due date", date_text(invoice.due_date)),
        ("Collection", invoice.get_collection_display()),
        ("Package", str(summary.get("package_name", ""))),
        ("Purchase order", str(invoice.buyer.get("purchase_order", ""))),
        ("Period from", instant_text(invoice.period_starts_at, zone)),
        ("Until", instant_text(invoice.period_ends_at, zone)),
        ("Billing time zone", invoice.billing_time_zone),
    ]
    return [(name, value) for name, value in facts if value]


def _party(snapshot: dict[str, Any]) -> list[str]:
    country = str(snapshot.get("country", ""))
    tax_id = str(snapshot.get("tax_id", ""))
    lines = [
        str(snapshot.get("name", "")),
        *(str(line) for line in snapshot.get("address_lines", [])),
        country_name(country),
        f"Tax ID {tax_id}" if tax_id else "",
    ]
    return [line for line in lines if line]


def _totals(invoice: Invoice) -> list[tuple[str, str]]:
    currency = invoice.currency
    totals = [("Subtotal", format_money(invoice.subtotal_minor, currency))]
    if invoice.tax_minor:
        totals.append((invoice.tax_name or "Tax", format_money(invoice.tax_minor, currency)))
    amounts = invoice.amounts
    totals.append(("Billed", format_money(amounts.billed_minor, currency)))
    if amounts.credited_minor:
        totals.append(("Credited", format_money(amounts.credited_minor, currency)))
    totals += [
        ("Paid", format_money(amounts.paid_minor, currency)),
        ("Owed", format_money(amounts.owed_minor, currency)),
    ]
    if amounts.owed_minor and amounts.disputed_minor:
        disputed = min(amounts.disputed_minor, amounts.owed_minor)
        totals.append(("Of it disputed", format_money(disputed, currency)))
    return totals


def _payment(payment: Payment, zone: ZoneInfo) -> PaymentRow:
    method = payment.get_method_display()
    is_card = payment.method == Payment.Method.CARD
    return PaymentRow(
        # A bank statement knows the day and no hour.
        at=instant_text(payment.received_at, zone)
        if is_card
        else date_text(payment.received_at.astimezone(zone).date()),
        method=f"{method}, {payment.reference}" if payment.reference else method,
        amount=format_money(payment.amount_minor, payment.currency),
    )


def _attempt(attempt: ChargeAttempt, zone: ZoneInfo) -> AttemptRow:
    return AttemptRow(
        at=instant_text(attempt.created_at, zone),
        state=attempt.state,
        state_text=attempt.get_state_display(),
        amount=format_money(attempt.amount_minor, attempt.currency),
        remark=attempt.failure_message,
    )
