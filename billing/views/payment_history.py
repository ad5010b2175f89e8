"""Payment History: the list of invoices, its CSV, and one invoice with all that belongs to it."""

from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.documents.store import cutoff_date
from billing.formatting import date_text, local_date
from billing.models import Invoice, InvoiceLine
from billing.pages.access import invoice_or_404
from billing.pages.invoice import InvoicePage, line_rows
from billing.pages.payment_history import (
    CSV_HEADER,
    INVOICES_PER_PAGE,
    Status,
    history_csv_rows,
    history_row,
    invoices_of_status,
)
from billing.payments.payment_links import payment_link
from core.csv_files import csv_response
from core.listing import Listing


@requires(Permission.VIEW_BILLING)
@require_safe
def payment_history(request: PortalRequest) -> HttpResponse:
    """The invoices, twelve a page, newest first; only their table when htmx asks for it."""
    listing = Listing.of(request, filters=Status.values)
    page = listing.page_of(invoices_of_status(listing.filter), rows_per_page=INVOICES_PER_PAGE)
    today = local_date(timezone.now(), request.provider.billing_zone())
    invoices: list[Any] = list(page.object_list)
    query = request.GET.urlencode()
    context = {
        "listing": listing,
        "page": page,
        "rows": [history_row(invoice, today=today) for invoice in invoices],
        "tabs": [("", "All"), *Status.choices],
        "query": f"?{query}" if query else "",
        **_cutoff(),
    }
    partial = request.htmx.target == "invoices"
    template = "billing/_payment_history.html" if partial else "billing/payment_history.html"
    return render(request, template, context)


@requires(Permission.VIEW_BILLING)
@require_safe
def payment_history_csv(request: PortalRequest) -> HttpResponse:
    """All invoices of the chosen status, in the page's order."""
    listing = Listing.of(request, filters=Status.values)
    return csv_response(
        filename="invoices.csv",
        header=CSV_HEADER,
        rows=history_csv_rows(invoices_of_status(listing.filter)),
    )


@requires(Permission.VIEW_BILLING)
@require_safe
def invoice_detail(request: PortalRequest, invoice_id: int) -> HttpResponse:
    """One invoice: its parties, lines, attempts, payments and documents."""
    invoice = invoice_or_404(invoice_id=invoice_id)
    listing = Listing.of(request)
    page = listing.page_of(_lines(invoice, search=listing.search))
    lines: list[Any] = list(page.object_list)
    context = {
        "invoice": invoice,
        "listing": listing,
        "page": page,
        "lines": line_rows(lines, invoice=invoice),
        "may_dispute": request.user.may(Permission.CHANGE_BILLING),
    }
    if request.htmx.target == "lines":
        return render(request, "billing/_invoice_lines.html", context)
    now = timezone.now()
    today = local_date(now, invoice.billing_zone())
    is_due = invoice.amounts.due_minor > 0
    context |= {
        "pay_url": payment_link(invoice_id=invoice.pk, now=now) if is_due else "",
        "row": history_row(invoice, today=today),
        "sheet": InvoicePage.of(invoice),
        **_cutoff(),
    }
    return render(request, "billing/invoice_detail.html", context)


def _lines(invoice: Invoice, *, search: str) -> QuerySet[InvoiceLine]:
    lines = invoice.lines.order_by("position")
    if search:
        lines = lines.filter(
            Q(organization_name__icontains=search)
            | Q(description__icontains=search)
            | Q(peak_subject_name__icontains=search)
            | Q(peak_actor_name__icontains=search)
        )
    return lines


def _cutoff() -> dict[str, str]:
    return {"cutoff": date_text(cutoff_date()), "support_email": settings.SUPPORT_EMAIL}
