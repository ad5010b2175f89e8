"""Active users of one organization: its last twelve months, and the users counted in one month."""

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from accounts.downloads import table_download
from accounts.requests import PortalRequest
from core.listing import Listing
from core.months import Month
from core.replica import reads_replica
from core.table_cells import instant_cell
from tenants.views.organization_scope import OrganizationScope
from usage.active_users.explain import SORTS, ActiveRow, active_rows, explain_active_users
from usage.active_users.months_table import activity_table
from usage.formatting import day_and_time, exact_instant, ordinal, via_text
from usage.ledger.months_table import last_months
from usage.months_chart import months_chart
from usage.views.scoped import ScopedMonth, metered

PAGE = "active_users_explanation"
CSV_HEADER = (
    "Organization ID",
    "Organization",
    "Month",
    "User ID",
    "E-mail",
    "Name",
    "First seen",
    "Reported at",
    "Reported by",
    "Reported via",
    "Removed since",
)


@metered
@reads_replica
def active_users_of(request: PortalRequest, scope: OrganizationScope) -> HttpResponse:
    """The active users of an organization in the last twelve months."""
    organization, zone = scope.organization, request.provider.billing_zone()
    months = last_months(month=Month.of(timezone.now(), zone))
    table = activity_table(months=months, organization_id=organization.pk)
    counts, limit = table.totals, organization.mau_limit
    context = scope.context(
        row=table.rows[0] if table.rows else None,
        active=counts[-1],
        import_url=scope.url("activity_import"),
        left=None if limit is None else max(0, limit - counts[-1]),
        month=months[-1].first_day,
        zone=zone.key,
        chart=months_chart(
            title="Active users by month",
            column="Active users",
            months=months,
            values=counts,
            limit=limit,
            limit_name="Limit",
        ),
        rows=[
            (month.first_day, count, scope.url(PAGE, month=str(month)))
            for month, count in zip(reversed(months), reversed(counts), strict=True)
        ],
    )
    return render(request, "usage/active_users_of.html", context)


@metered
@reads_replica
def active_users_explanation(
    request: PortalRequest, scope: OrganizationScope, month: str
) -> HttpResponse:
    """The active users of a month and when each was first seen; only the table for htmx."""
    requested, organization = ScopedMonth.of(request, scope, month), scope.organization
    listing = Listing.of(request, sorts=SORTS, default_sort="seen")
    rows = active_rows(
        organization_id=organization.pk,
        month=requested.month,
        search=listing.search,
        sort=listing.sort,
    )
    page: Any = listing.page_of(rows)
    page.object_list = [(ActiveRow(*row), via_text(row[6])) for row in page.object_list]
    explanation = explain_active_users(organization_id=organization.pk, month=requested.month)
    latest, zone = explanation.latest, requested.zone
    context = scope.context(
        month=requested.month.first_day,
        is_running=requested.is_running,
        explanation=explanation,
        nth=ordinal(explanation.count),
        latest_at=day_and_time(latest.first_seen_at, zone) if latest else "",
        latest_instant=exact_instant(latest.first_seen_at, zone) if latest else "",
        listing=listing,
        page=page,
        zone=zone.key,
        path=request.path,
        months_url=scope.url("active_users_of"),
        csv_url=requested.url("active_users_explanation_csv"),
        **requested.neighbours(PAGE),
    )
    partial = request.htmx.target == "counted"
    template = "usage/_active_users_counted.html" if partial else "usage/active_users_explain.html"
    return render(request, template, context)


@metered
@reads_replica
def active_users_explanation_csv(
    request: PortalRequest, scope: OrganizationScope, month: str
) -> HttpResponseBase:
    """All active users of the month, in the order in which they were first seen."""
    requested, organization = ScopedMonth.of(request, scope, month), scope.organization
    zone = requested.zone
    rows = (
        (
            *(organization.pk, organization.name, str(requested.month)),
            *(row.user_id, row.email, row.name),
            *(instant_cell(row.first_seen_at, zone), instant_cell(row.reported_at, zone)),
            *(row.reported_by, row.via, instant_cell(row.removed_at, zone)),
        )
        for row in (
            ActiveRow(*values)
            for values in active_rows(organization_id=organization.pk, month=requested.month)
        )
    )
    name = f"active-users-{organization.pk}-{requested.month}"
    return table_download(request, name=name, header=CSV_HEADER, rows=rows)
