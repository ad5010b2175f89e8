"""Verification of a closed month: rows, invoices and documents against events and contracts.

It changes nothing. Usage that was reported after the close is no difference: the next close bills
it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts.models import Provider
from billing.choices import InvoiceKind
from billing.documents.fingerprint import fingerprint
from billing.documents.store import rendered
from billing.models import (
    CreditNote,
    CreditNoteDocument,
    Invoice,
    InvoiceDocument,
    InvoiceLine,
    MonthClose,
    PaymentReceipt,
)
from billing.money import format_money
from billing.rating.rate_month import InvoiceDraft, LineDraft
from billing.verification.expected import ExpectedMonth, Replayed, expected_month
from billing.verification.issued_columns import changed_columns, changes_without_entry
from core.months import Month
from core.schema import provider_schema
from usage.formatting import counted_noun
from usage.ledger.combined_peak import CombinedPeak
from usage.ledger.former_names import was_called
from usage.ledger.late_usage import frozen_through
from usage.ledger.replay import ReplayedMonth, replay_month
from usage.models import CombinedMonth, MonthlyUsage

AGREED = ("kind", "metric", "unit_price", "committed_quantity", "commitment_basis", "starts_on")


class NotClosed(Exception):
    """The month is not closed, so there is nothing to verify. The message is shown."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored value that does not follow from the events and contracts."""

    where: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}, {self.what}: expected {self.expected}, found {self.found}"


@dataclass(slots=True)
class Verification:
    """A month's differences, how much was checked, and remarks on what could not be checked."""

    month: Month
    differences: list[Difference] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)

    def compare(self, where: str, what: str, *, expected: object, found: object) -> None:
        """Add a difference if the two are not equal."""
        if expected != found:
            self.differences.append(Difference(where, what, _text(expected), _text(found)))

    @property
    def summary(self) -> str:
        """What was checked, such as "3 invoices, 120 lines, 6 documents"."""
        parts = [counted_noun(number, what) for what, number in self.checked.items()]
        return ", ".join(parts) or "nothing"


def _text(value: object) -> str:
    return "nothing" if value is None or value == "" else str(value)


def closed_months(*, provider: Provider) -> list[Month]:
    """Return the provider's closed months, oldest first."""
    with provider_schema(provider):
        closed = MonthClose.objects.filter(issued_at__isnull=False).order_by("month")
        return [Month.of_day(day) for day in closed.values_list("month", flat=True)]


def verify_month(*, provider: Provider, month: Month, renders: bool) -> Verification:
    """Compare everything of a closed month; raises `NotClosed`.

    With `renders`, documents of the current layout version are rendered again and compared. This
    needs a worker's libraries and about a second for each. Stored hashes are always checked.
    """
    with provider_schema(provider):
        run = MonthClose.objects.filter(month=month.first_day, issued_at__isnull=False).first()
        if run is None:
            raise NotClosed(f"{month} of {provider.name} is not closed.")
        verification = Verification(month)
        replayed = replay_month(month=month, through_event=frozen_through(month))
        _verify_rows(replayed, month=month, into=verification)
        expected = expected_month(run=run, replayed=replayed)
        _verify_combined(expected, into=verification)
        invoices = list(
            Invoice.objects.filter(month=month.first_day)
            .exclude(kind=InvoiceKind.ORDER)
            .order_by("pk")
        )
        _verify_close(run, expected, invoices, into=verification)
        _verify_columns(invoices, into=verification)
        for invoice in invoices:
            verification.checked["invoices"] += 1
            if not invoice.voided_at:
                _verify_invoice(invoice, expected, into=verification)
            _verify_documents(invoice, renders=renders, into=verification)
            _verify_credit_notes(invoice, into=verification)
            _verify_receipts(invoice, into=verification)
        return verification


def _verify_rows(replayed: Replayed, *, month: Month, into: Verification) -> None:
    """Compare the month's high-water marks, which were billed, with the replayed event log."""
    rows = {
        (row.organization_id, row.metric): row
        for row in MonthlyUsage.objects.filter(month=month.first_day)
    }
    for (organization_id, metric), expected in replayed.items():
        where = f"organization {organization_id}, {metric.value}"
        row = rows.pop((organization_id, metric.value), None)
        into.checked["monthly rows"] += 1
        if row is None:
            # A month that was closed out of order has rows only for organizations with events.
            if expected.had_events:
                into.compare(where, "monthly row", expected="one", found=None)
            continue
        _compare_month(where, expected, row, into=into)
    for (organization_id, metric_name), row in rows.items():
        where = f"organization {organization_id}, {metric_name}"
        into.compare(where, "high water mark", expected=0, found=row.high_water_mark)


def _verify_combined(expected: ExpectedMonth, *, into: Verification) -> None:
    """Compare the month of all organizations together, which a commitment was compared with."""
    rows = {row.metric: row for row in CombinedMonth.objects.filter(month=expected.month.first_day)}
    if expected.combined is not None:
        where = f"all organizations together, {expected.combined.metric.value}"
        row = rows.pop(expected.combined.metric.value, None)
        into.checked["monthly rows"] += 1
        if row is None:
            into.compare(where, "monthly row", expected="one", found=None)
        else:
            _compare_month(where, expected.combined, row, into=into)
    for metric, row in rows.items():
        where = f"all organizations together, {metric}"
        into.compare(where, "high water mark", expected=None, found=row.high_water_mark)


def _compare_month(
    where: str,
    expected: ReplayedMonth | CombinedPeak,
    row: MonthlyUsage | CombinedMonth,
    *,
    into: Verification,
) -> None:
    for what in ("carried_in", "high_water_mark", "peak_event_id", "peak_at"):
        into.compare(
            where,
            what.replace("_", " "),
            expected=getattr(expected, what),
            found=getattr(row, what),
        )


def _verify_close(
    run: MonthClose, expected: ExpectedMonth, invoices: Iterable[Invoice], *, into: Verification
) -> None:
    issued = [invoice for invoice in invoices if invoice.replaces_id is None]
    total_minor = sum(invoice.total_minor for invoice in issued)
    into.compare("the close", "invoices", expected=len(issued), found=run.invoices)
    into.compare("the close", "total", expected=total_minor, found=run.total_minor)
    for kind in sorted(expected.kinds() - {invoice.kind for invoice in invoices}):
        into.compare(f"the {kind} invoice", "issued", expected="one", found=None)


def _verify_columns(invoices: Sequence[Invoice], *, into: Verification) -> None:
    """Compare every column of invoices and credit notes with the register and the audit log."""
    notes = list(CreditNote.objects.filter(invoice__in=invoices))
    for documents in (invoices, notes):
        for number, what, expected, found in changed_columns(documents):
            into.compare(f"document {number}", what, expected=expected, found=found)
    for invoice in invoices:
        for what, expected, found in changes_without_entry(invoice):
            into.compare(f"invoice {invoice.number}", what, expected=expected, found=found)


def _verify_invoice(invoice: Invoice, expected: ExpectedMonth, *, into: Verification) -> None:
    where = f"invoice {invoice.number}"
    draft = expected.draft_of(invoice)
    if draft is None or expected.contract is None:
        into.compare(where, "issued", expected=None, found=invoice.get_kind_display())
        return
    if invoice.replaces_id is None:
        agreed = expected.contract.summary()
        for name in AGREED:
            into.compare(
                where,
                f"contract's {name.replace('_', ' ')}",
                expected=agreed[name],
                found=invoice.contract_summary.get(name),
            )
    _verify_lines(invoice, draft, into=into)
    carried = sum(invoice.carried_from.values_list("amount_minor", flat=True))
    into.compare(
        where,
        "carried from earlier invoices",
        expected=format_money(carried, invoice.currency),
        found=format_money(invoice.carried_in_minor, invoice.currency),
    )
    for what in ("subtotal_minor", "tax_minor", "total_minor"):
        into.compare(
            where,
            what.removesuffix("_minor"),
            expected=format_money(getattr(draft, what), invoice.currency),
            found=format_money(getattr(invoice, what), invoice.currency),
        )


def _verify_lines(invoice: Invoice, draft: InvoiceDraft, *, into: Verification) -> None:
    stored = {_line_key(line): line for line in invoice.lines.order_by("position")}
    into.checked["lines"] += len(stored)
    for line in draft.lines:
        found = stored.pop(_line_key(line), None)
        where = f"invoice {invoice.number}, {line.organization_name or line.description}"
        if found is None:
            into.compare(where, "line", expected=f"{line.quantity:,}", found=None)
            continue
        for what, expected_value, value in _line_values(line, found):
            into.compare(
                f"{where} (line {found.position})", what, expected=expected_value, found=value
            )
    for left in stored.values():
        into.compare(
            f"invoice {invoice.number}, line {left.position}",
            left.description,
            expected=None,
            found=format_money(left.amount_minor, invoice.currency),
        )


def _line_key(line: LineDraft | InvoiceLine) -> tuple[Any, ...]:
    return str(line.kind), line.organization_id, line.metric, line.adjusted_month


def _name_then(line: LineDraft, stored: InvoiceLine) -> str:
    """The user's or device's name, or an earlier address of the user where the line has one."""
    name, then = line.peak.subject_name, stored.peak_subject_name
    if name == then or line.peak.event_id is None:
        return name
    return then if was_called(event_id=line.peak.event_id, address=then) else name


def _line_values(line: LineDraft, stored: InvoiceLine) -> list[tuple[str, object, object]]:
    return [
        ("quantity", line.quantity, int(stored.quantity)),
        ("unit price", line.unit_price.normalize(), stored.unit_price.normalize()),
        ("amount in minor units", line.amount_minor, stored.amount_minor),
        ("peak event", line.peak.event_id, stored.peak_event_id),
        ("instant of the peak", line.peak.at, stored.peak_at),
        ("count before the peak", line.peak.count_before, stored.peak_count_before),
        ("who was added", _name_then(line, stored), stored.peak_subject_name),
        ("added by", line.peak.actor_name, stored.peak_actor_name),
        ("billed before", line.adjusted_from, stored.adjusted_from),
    ]


def _verify_documents(invoice: Invoice, *, renders: bool, into: Verification) -> None:
    """Compare an invoice's stored documents with their hashes and with a new rendering."""
    stored = {document.format: document for document in invoice.documents.order_by("format")}
    for document_format in InvoiceDocument.Format:
        document = stored.get(document_format)
        where = f"invoice {invoice.number}, {document_format.label}"
        if document is None:
            into.remarks.append(f"{where} is not rendered yet.")
            continue
        into.checked["documents"] += 1
        sha256 = hashlib.sha256(bytes(document.content)).hexdigest()
        into.compare(where, "SHA-256", expected=document.sha256, found=sha256)
        if not renders and document_format is InvoiceDocument.Format.PDF:
            continue
        if document.fingerprint != fingerprint(document_format):
            into.remarks.append(
                f"{where} was rendered with another layout version, renderer or site address: its "
                "bytes are kept and were not compared with a new rendering."
            )
            continue
        lines = list(invoice.lines.order_by("position"))
        rendering = rendered(document_format, invoice=invoice, lines=lines)
        into.checked["renderings"] += 1
        into.compare(
            where, "rendered again", expected=hashlib.sha256(rendering).hexdigest(), found=sha256
        )


def _verify_credit_notes(invoice: Invoice, *, into: Verification) -> None:
    for note in invoice.credit_notes.prefetch_related("lines").order_by("pk"):
        where = f"credit note {note.number}"
        into.checked["credit notes"] += 1
        into.compare(
            where,
            "subtotal in minor units",
            expected=sum(line.amount_minor for line in note.lines.all()),
            found=note.subtotal_minor,
        )
        document = CreditNoteDocument.objects.filter(credit_note=note).first()
        if document is None:
            into.remarks.append(f"{where} is not rendered yet.")
            continue
        sha256 = hashlib.sha256(bytes(document.content)).hexdigest()
        into.compare(where, "SHA-256", expected=document.sha256, found=sha256)


def _verify_receipts(invoice: Invoice, *, into: Verification) -> None:
    """Compare the stored receipts of its payments with their hashes."""
    for receipt in PaymentReceipt.objects.filter(payment__invoice=invoice).order_by("pk"):
        into.checked["receipts"] += 1
        sha256 = hashlib.sha256(bytes(receipt.content)).hexdigest()
        where = f"receipt {receipt.payment_id} of invoice {invoice.number}"
        into.compare(where, "SHA-256", expected=receipt.sha256, found=sha256)
