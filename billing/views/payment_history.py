"""The pages of the Payment History: the list of invoices, its CSV, and one invoice."""

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.charge_limits import is_too_small
from billing.documents.invoice_content import tax_text
from billing.documents.periods import period_text
from billing.documents.receipt import payments_with_receipt
from billing.documents.store import cutoff_date
from billing.formatting import local_date
from billing.models import Chargeback, Invoice, InvoiceLine, Refund
from billing.models.invoice_queries import InvoiceQuerySet
from billing.pages.access import invoice_or_404
from billing.pages.payment_history import (
    CSV_HEADER,
    INVOICES_PER_PAGE,
    Period,
    Status,
    history_csv_rows,
    matching_invoices,
)
from billing.payment_links import payment_link
from billing.payments.charge_orders import has_payable_invoices
from billing.payments.on_session import card_obstacle
from billing.payments.retries import next_attempt_at
from billing.payments.transfers_under_way import transfer_under_way
from core.key_field import name_key_of
from core.listing import Listing
from core.names import name_key
from core.replica import reads_replica
from tenants.models import Organization


@requires(Permission.VIEW_BILLING)
@require_safe
def payment_history(request: PortalRequest) -> HttpResponse:
    """The invoices, newest first; for htmx their table alone."""
    listing = Listing.of(request, filters=Status.values)
    invoices, period = _matching(request, listing)
    page = listing.page_of(invoices, rows_per_page=INVOICES_PER_PAGE)
    query = request.GET.urlencode()
    context = {
        "listing": listing,
        "period": period,
        "page": page,
        "today": local_date(timezone.now(), request.provider.billing_zone()),
        "tabs": [("", "All"), *Status.choices],
        "query": f"?{query}" if query else "",
        "may_pay_all": request.user.may(Permission.CHANGE_BILLING) and has_payable_invoices(),
        **_cutoff(),
    }
    partial = request.htmx.target == "invoices"
    template = "billing/_payment_history.html" if partial else "billing/payment_history.html"
    return render(request, template, context)


@requires(Permission.VIEW_BILLING)
@require_safe
@reads_replica
def payment_history_csv(request: PortalRequest) -> HttpResponseBase:
    """All invoices that the page lists, in its order."""
    listing = Listing.of(request, filters=Status.values)
    return table_download(
        request,
        name="invoices",
        header=CSV_HEADER,
        rows=history_csv_rows(_matching(request, listing)[0]),
    )


def _matching(request: PortalRequest, listing: Listing) -> tuple[InvoiceQuerySet[Invoice], Period]:
    period = Period.of(request.GET)
    invoices = matching_invoices(
        status=listing.filter,
        search=listing.search,
        period=period,
        zone=request.provider.billing_zone(),
    )
    return invoices, period


@requires(Permission.VIEW_BILLING)
@require_safe
def invoice_detail(request: PortalRequest, invoice_id: int) -> HttpResponse:
    """One invoice, its corrections, payments and documents; for htmx its lines alone."""
    invoice = invoice_or_404(invoice_id=invoice_id)
    listing = Listing.of(request)
    page = listing.page_of(_lines(invoice, search=listing.search))
    context = {
        "invoice": invoice,
        "listing": listing,
        "page": page,
        "may_change": request.user.may(Permission.CHANGE_BILLING),
    }
    if request.htmx.target == "lines":
        return render(request, "billing/_invoice_lines.html", context)
    now, zone = timezone.now(), invoice.billing_zone()
    obstacle = card_obstacle(invoice)
    due_minor, transfer = invoice.amounts.due_minor, transfer_under_way(invoice)
    is_payable = due_minor > 0 and not obstacle
    may_transfer = due_minor > 0 and not is_too_small(due_minor, invoice.currency)
    refunds = Refund.objects.filter(payment__invoice=invoice).select_related("payment")
    chargebacks = Chargeback.objects.filter(payment__invoice=invoice)
    receipted = set(payments_with_receipt(invoice.payments.all()).values_list("pk", flat=True))
    replaced_by = Invoice.objects.filter(replaces=invoice).first() if invoice.voided_at else None
    context |= {
        "today": local_date(now, zone),
        "zone": zone,
        "pay_url": payment_link(invoice_id=invoice.pk, now=now) if is_payable else "",
        "card_obstacle": obstacle,
        "transfer": transfer,
        "may_transfer": may_transfer and transfer is None,
        "carried_from": invoice.balances_carried_in(),
        "carried_to": invoice.carried_to.filter(to_invoice__voided_at=None).select_related(
            "to_invoice"
        ),
        "replaced_by": replaced_by,
        "disputes": invoice.disputes.select_related("line", "credit_note").order_by("-pk"),
        "credit_notes": invoice.credit_notes.order_by("-pk"),
        "refunds": refunds.order_by("-pk"),
        "payments": invoice.payments.order_by("-received_at"),
        "receipted": receipted,
        "last_receipt": max(receipted, default=None),
        "tax_text": tax_text(invoice),
        "period": period_text(invoice.period_starts_at, invoice.period_ends_at, zone),
        "chargebacks": chargebacks.order_by("-opened_at", "-pk"),
        "attempts": invoice.attempts.order_by("-created_at"),
        "next_attempt_at": next_attempt_at(invoice),
        "documents": invoice.documents.defer("content").order_by("-format"),
        **_cutoff(),
    }
    return render(request, "billing/invoice_detail.html", context)


def _lines(invoice: Invoice, *, search: str) -> QuerySet[InvoiceLine]:
    """The lines by position, with their disputes and whether their organization still exists."""
    organizations = Organization.objects.filter(pk=OuterRef("organization_id"), removed_at=None)
    lines = (
        invoice.lines.annotate(has_organization=Exists(organizations))
        .prefetch_related("disputes")
        .order_by("position")
    )
    if search:
        lines = lines.alias(organization_key=name_key_of("organization_name")).filter(
            Q(organization_key__contains=name_key(search))
            | Q(description__icontains=search)
            | Q(peak_subject_name__icontains=search)
            | Q(peak_actor_name__icontains=search)
        )
    return lines


def _cutoff() -> dict[str, object]:
    return {"cutoff": cutoff_date(), "support_email": settings.SUPPORT_EMAIL}
