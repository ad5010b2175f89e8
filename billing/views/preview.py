"""Invoice preview: what the close would issue now, what changed, and what to look at before."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.documents.invoice_csv import plain_money
from billing.pages.preview import FILTERS, SORTS, listed_changes, tabs
from billing.preview.changes import Change
from billing.preview.checks import Check
from billing.preview.month_preview import (
    CannotPreview,
    MonthPreview,
    months_to_preview,
    preview_month,
)
from core.listing import ROWS_PER_PAGE, Listing
from core.months import Month
from tenants.models import Organization

CSV_HEADER = (
    "Organization ID",
    "Organization",
    "Metric",
    "Change",
    "Last month",
    "This month",
    "Amount last month",
    "Amount this month",
    "Currency",
    "Usual",
)


def _previewed(
    request: PortalRequest, checks: Sequence[Check] = ()
) -> tuple[MonthPreview, list[Month]]:
    """Of the requested month, or of the next to close; 404 for one that cannot be previewed."""
    now = timezone.now()
    months = months_to_preview(provider=request.provider, now=now)
    try:
        requested = request.GET.get("month")
        month = Month.parse(requested) if requested else months[0]
        preview = preview_month(provider=request.provider, month=month, now=now, checks=checks)
    except (ValueError, CannotPreview):
        raise Http404 from None
    return preview, months


def _listing(request: HttpRequest) -> Listing:
    return Listing.of(request, sorts=SORTS, default_sort="-change", filters=FILTERS)


@requires(Permission.VIEW_BILLING)
@require_safe
def invoice_preview(request: PortalRequest, checks: Sequence[Check]) -> HttpResponse:
    """The preview, with `checks`; only its table of changes when htmx asks for it."""
    preview, months = _previewed(request, checks)
    listing = _listing(request)
    matching = listed_changes(preview.changes, listing=listing)
    page: Page[Change] = Paginator(matching, ROWS_PER_PAGE).get_page(listing.page)
    query = request.GET.urlencode()
    context: dict[str, Any] = {
        "preview": preview,
        "listing": listing,
        "page": page,
        "existing": set(
            Organization.objects.living()
            .filter(pk__in=[change.organization_id for change in page.object_list])
            .values_list("pk", flat=True)
        ),
        "tabs": tabs(preview.changes),
        "has_money": preview.has_money,
        "query": f"?{query}" if query else "",
    }
    if request.htmx.target == "changes":
        return render(request, "billing/_preview_changes.html", context)
    context["months"] = months
    return render(request, "billing/invoice_preview.html", context)


@requires(Permission.VIEW_BILLING)
@require_safe
def invoice_preview_csv(request: PortalRequest) -> HttpResponseBase:
    """All changes that are searched and filtered, in the page's order."""
    preview, _ = _previewed(request)
    currency = preview.currency

    def money(minor: int | None) -> object:
        return "" if minor is None else plain_money(minor, currency)

    rows = (
        (
            *(change.organization_id, change.name, change.metric, change.kind.value),
            *(change.before, change.now, money(change.before_minor), money(change.now_minor)),
            currency,
            "" if change.usual is None else Decimal(f"{change.usual:g}"),
        )
        for change in listed_changes(preview.changes, listing=_listing(request))
    )
    return table_download(request, name=f"preview-{preview.month}", header=CSV_HEADER, rows=rows)
