"""Verifying a closed month: its rows, invoices and documents against its events and contracts.

Changes nothing. What was told late after the close is no difference: the next one bills it.
"""

from collections.abc import Iterable
from typing import Any

from accounts.models import Provider
from billing.choices import InvoiceKind
from billing.models import Invoice, InvoiceLine, MonthClose
from billing.money import format_money
from billing.rating.rate_month import InvoiceDraft, LineDraft
from billing.verification.differences import Verification
from billing.verification.documents import verify_documents
from billing.verification.expected import ExpectedMonth, Replayed, expected_month
from core.months import Month
from core.schema import provider_schema
from usage.ledger.replay import replay_month
from usage.models import MonthlyUsage

AGREED = ("kind", "metric", "unit_price", "committed_quantity", "starts_on")


class NotClosed(Exception):
    """There is nothing to verify: the month is not closed. The message is for people."""


def closed_months(*, provider: Provider) -> list[Month]:
    """The provider's closed months, oldest first."""
    with provider_schema(provider):
        closed = MonthClose.objects.filter(issued_at__isnull=False).order_by("month")
        return [Month.of_day(day) for day in closed.values_list("month", flat=True)]


def verify_month(*, provider: Provider, month: Month, renders: bool) -> Verification:
    """Everything of a closed month compared; raises `NotClosed`.

    With `renders` documents that were typeset as this process does are rendered anew and compared,
    which takes a worker's libraries and about a second each; their stored hash is checked anyway.
    """
    with provider_schema(provider):
        run = MonthClose.objects.filter(month=month.first_day, issued_at__isnull=False).first()
        if run is None:
            raise NotClosed(f"{month} of {provider.name} is not closed.")
        verification = Verification(month)
        replayed = replay_month(month=month)
        _verify_rows(replayed, month=month, into=verification)
        expected = expected_month(run=run, replayed=replayed)
        invoices = list(
            Invoice.objects.filter(month=month.first_day)
            .exclude(kind=InvoiceKind.ORDER)
            .order_by("pk")
        )
        _verify_run(run, invoices, into=verification)
        _verify_kinds(expected, invoices, into=verification)
        for invoice in invoices:
            verification.checked["invoices"] += 1
            if not invoice.voided_at:
                _verify_invoice(invoice, expected, into=verification)
            verify_documents(invoice, renders=renders, into=verification)
        return verification


def _verify_rows(replayed: Replayed, *, month: Month, into: Verification) -> None:
    """The month's rows of high-water marks: the log's projection that it was billed by."""
    rows = {
        (row.organization_id, row.metric): row
        for row in MonthlyUsage.objects.filter(month=month.first_day)
    }
    for (organization_id, metric), expected in replayed.items():
        where = f"organization {organization_id}, {metric.value}"
        row = rows.pop((organization_id, metric.value), None)
        into.checked["monthly rows"] += 1
        if row is None:
            # A month closed out of turn has rows only of what happened in it.
            if expected.had_events:
                into.compare(where, "monthly row", expected="one", found=None)
            continue
        for what in ("carried_in", "high_water_mark", "peak_event_id", "peak_at"):
            into.compare(
                where,
                what.replace("_", " "),
                expected=getattr(expected, what),
                found=getattr(row, what),
            )
    for (organization_id, metric_name), row in rows.items():
        where = f"organization {organization_id}, {metric_name}"
        into.compare(where, "high water mark", expected=0, found=row.high_water_mark)


def _verify_run(run: MonthClose, invoices: Iterable[Invoice], *, into: Verification) -> None:
    issued = [invoice for invoice in invoices if invoice.replaces_id is None]
    into.compare("the close", "invoices", expected=len(issued), found=run.invoices)
    into.compare(
        "the close",
        "total",
        expected=sum(invoice.total_minor for invoice in issued),
        found=run.total_minor,
    )


def _verify_kinds(
    expected: ExpectedMonth, invoices: Iterable[Invoice], *, into: Verification
) -> None:
    there = {invoice.kind: invoice for invoice in invoices}
    for kind in sorted(expected.kinds() - set(there)):
        into.compare(f"the {kind} invoice", "issued", expected="one", found=None)


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
    for what in ("subtotal_minor", "tax_minor", "total_minor"):
        into.compare(
            where,
            what.removesuffix("_minor"),
            expected=format_money(getattr(draft, what), invoice.currency),
            found=format_money(getattr(invoice, what), invoice.currency),
        )


def _verify_lines(invoice: Invoice, draft: InvoiceDraft, *, into: Verification) -> None:
    kept = {_of_line(line): line for line in invoice.lines.order_by("position")}
    into.checked["lines"] += len(kept)
    for line in draft.lines:
        found = kept.pop(_of_draft(line), None)
        where = f"invoice {invoice.number}, {_named(line)}"
        if found is None:
            into.compare(where, "line", expected=f"{line.quantity:,}", found=None)
            continue
        for what, expected, is_kept in _facts(line, found):
            into.compare(f"{where} (line {found.position})", what, expected=expected, found=is_kept)
    for left in kept.values():
        into.compare(
            f"invoice {invoice.number}, line {left.position}",
            left.description,
            expected=None,
            found=format_money(left.amount_minor, invoice.currency),
        )


def _facts(line: LineDraft, kept: InvoiceLine) -> list[tuple[str, object, object]]:
    return [
        ("quantity", line.quantity, int(kept.quantity)),
        ("unit price", line.unit_price.normalize(), kept.unit_price.normalize()),
        ("amount in minor units", line.amount_minor, kept.amount_minor),
        ("peak event", line.peak.event_id, kept.peak_event_id),
        ("instant of the peak", line.peak.at, kept.peak_at),
        ("count before the peak", line.peak.count_before, kept.peak_count_before),
        ("who was added", line.peak.subject_name, kept.peak_subject_name),
        ("added by", line.peak.actor_name, kept.peak_actor_name),
        ("billed before", line.adjusted_from, kept.adjusted_from),
    ]


def _of_draft(line: LineDraft) -> tuple[Any, ...]:
    return line.kind.value, line.organization_id, line.metric, line.adjusted_month


def _of_line(line: InvoiceLine) -> tuple[Any, ...]:
    return line.kind, line.organization_id, line.metric, line.adjusted_month


def _named(line: LineDraft) -> str:
    return line.organization_name or line.description
