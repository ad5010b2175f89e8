"""The page that explains a month's high-water mark, and its CSV file."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render

from accounts.downloads import table_download
from accounts.requests import PortalRequest
from core.listing import ROWS_PER_PAGE, Listing
from core.metrics import COUNTED, Metric
from core.replica import reads_replica
from core.table_cells import instant_cell
from tenants.models import MeteringPolicy
from tenants.views.organization_scope import OrganizationScope
from usage.explain.chart import month_chart
from usage.explain.counted_at_peak import SORTS, Counted, counted_at_peak
from usage.explain.late_usage_note import late_usage_note
from usage.explain.peaks import Explanation, explain_month
from usage.explain.sentences import duration_sentence, peak_sentence, second_peak_sentence
from usage.formatting import exact_instant, via_text
from usage.views.scoped import ScopedMonth, metered

PAGE = "usage_explanation"
CSV_HEADER = (
    "Organization ID",
    "Organization",
    "Month",
    "Metric",
    "High-water mark",
    "Peak reached at",
    "Count before",
    "ID",
    "Name then",
    "Name or serial number now",
    "Added at",
    "Added by",
    "Added via",
    "Removed since",
    "Made the peak",
)


@metered
@reads_replica
def usage_explanation(request: PortalRequest, scope: OrganizationScope, month: str) -> HttpResponse:
    """The explanation of an organization's month; only its table for htmx."""
    partial = request.htmx.target == "counted"
    template = "usage/_counted_at_peak.html" if partial else "usage/explain.html"
    return render(request, template, _context(request, ScopedMonth.of(request, scope, month)))


@metered
@reads_replica
def usage_explanation_csv(
    request: PortalRequest, scope: OrganizationScope, month: str
) -> HttpResponseBase:
    """All users or devices counted at the peak, in the order of their addition."""
    requested = ScopedMonth.of(request, scope, month)
    explanation = _explain(requested)
    counted, _ = counted_at_peak(explanation=explanation, sort="added")
    peak, zone, organization = explanation.peak, requested.zone, scope.organization
    first_cells = (
        *(organization.pk, organization.name, str(requested.month), requested.metric.value),
        *(peak.level, instant_cell(peak.at, zone)),
        peak.event.count_before if peak.event else peak.level,
    )
    rows = (
        (
            *first_cells,
            *(each.subject_id, each.name, each.detail, instant_cell(each.added_at, zone)),
            *(each.added_by, each.via, instant_cell(each.removed_at, zone)),
            "yes" if peak.event and peak.event.subject_id == each.subject_id else "",
        )
        for each in counted
    )
    name = f"why-{organization.pk}-{requested.month}-{requested.metric.value}"
    return table_download(request, name=name, header=CSV_HEADER, rows=rows)


def _explain(requested: ScopedMonth) -> Explanation:
    return explain_month(
        organization_id=requested.scope.organization.pk,
        metric=requested.metric,
        month=requested.month,
        zone=requested.zone,
    )


def _context(request: PortalRequest, requested: ScopedMonth) -> dict[str, Any]:
    listing = Listing.of(request, sorts=SORTS, default_sort="-added")
    explanation = _explain(requested)
    organization, now = requested.scope.organization, requested.now
    peak, second = explanation.peak, explanation.second_peak
    return requested.scope.context(
        explanation=explanation,
        is_running=requested.is_running,
        noun=requested.metric.value,
        month=requested.month.first_day,
        zone=requested.zone.key,
        why=peak_sentence(explanation=explanation, organization=organization.name, now=now),
        after=duration_sentence(explanation=explanation, now=now),
        second_peak=second_peak_sentence(explanation=explanation),
        peak_at=exact_instant(peak.at, requested.zone),
        second_at=exact_instant(second.at, requested.zone) if second else "",
        via=via_text(peak.event.via) if peak.event else "",
        late=late_usage_note(explanation=explanation, organization_id=organization.pk),
        chart=month_chart(explanation=explanation, cap=_cap(requested), now=now),
        listing=listing,
        page=_counted_page(listing, explanation),
        tabs=[(metric.label, requested.url(PAGE, metric=metric)) for metric in COUNTED],
        path=request.path,
        here=requested.url(PAGE),
        csv_url=requested.url("usage_explanation_csv"),
        **requested.neighbours(PAGE, since=organization.created_at),
    )


def _cap(requested: ScopedMonth) -> int | None:
    """The active limit, for the current month only: the ledger has no past caps."""
    if requested.metric != Metric.USERS or not requested.is_running:
        return None
    limits = (
        requested.scope.organization.user_cap,
        MeteringPolicy.objects.free_user_limit_at(requested.now),
    )
    return min((limit for limit in limits if limit is not None), default=None)


def _counted_page(listing: Listing, explanation: Explanation) -> Page[Any]:
    """The requested page, or the last one; one statement unless a search leaves fewer pages."""
    total = explanation.high_water_mark
    number = Paginator(range(total), ROWS_PER_PAGE).get_page(listing.page).number if total else 1
    rows, matching = _counted(listing, explanation, number) if total else ([], 0)
    if not rows and number > 1:
        number = 1
        rows, matching = _counted(listing, explanation, number)
    page: Page[Any] = Paginator(range(matching), ROWS_PER_PAGE).page(number)
    page.object_list = rows
    return page


def _counted(listing: Listing, explanation: Explanation, number: int) -> tuple[list[Counted], int]:
    return counted_at_peak(
        explanation=explanation,
        search=listing.search,
        sort=listing.sort,
        limit=ROWS_PER_PAGE,
        offset=(number - 1) * ROWS_PER_PAGE,
    )
