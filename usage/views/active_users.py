"""Active users of one organization: its twelve months, and who was counted in one of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.csv_files import csv_response
from core.listing import Listing
from core.months import Month
from tenants.access import metered_organization_or_404
from tenants.views.organization_scope import OrganizationScope, own_pages
from usage.active_users.chart import activity_chart
from usage.active_users.explain import SORTS, ActiveRow, active_rows, explain_active_users
from usage.active_users.months_table import activity_table
from usage.formatting import day_and_time, exact_instant, ordinal, way_in
from usage.ledger.months_table import last_months

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


@dataclass(frozen=True, slots=True)
class Seen:
    """Where the pages of one organization's active users are, in its scope."""

    scope: OrganizationScope
    zone: ZoneInfo
    now: datetime

    @classmethod
    def of(cls, request: PortalRequest, scope: OrganizationScope) -> "Seen":
        """The scope with the provider's billing zone."""
        return cls(scope, request.provider.billing_zone(), timezone.now())

    def url(self, name: str, **parameters: Any) -> str:
        """The address of one of the pages of active users (`active_users_of`, …) in this scope."""
        if self.scope.is_own:
            return reverse(f"own_{name}", kwargs=parameters)
        return reverse(name, kwargs={"organization_id": self.scope.organization.pk, **parameters})

    def month_or_404(self, text: str) -> Month:
        """404 for what is no month, and for one that has not begun."""
        try:
            month = Month.parse(text)
        except ValueError:
            raise Http404 from None
        if month > Month.of(self.now, self.zone):
            raise Http404
        return month


def _of(request: PortalRequest, scope: OrganizationScope) -> HttpResponse:
    seen = Seen.of(request, scope)
    months = last_months(month=Month.of(seen.now, seen.zone))
    table = activity_table(months=months, organization_id=scope.organization.pk)
    counts = table.totals
    organization = scope.organization
    threshold = organization.mau_limit
    context = {
        "scope": scope,
        "organization": organization,
        "row": table.rows[0] if table.rows else None,
        "active": counts[-1],
        "import_url": scope.url("activity_import"),
        "left": None if threshold is None else max(0, threshold - counts[-1]),
        "month": months[-1].first_day,
        "zone": seen.zone.key,
        "chart": activity_chart(months=months, counts=counts, limit=threshold, named="Threshold"),
        "rows": [
            (month.first_day, count, seen.url("active_users_explanation", month=str(month)))
            for month, count in zip(reversed(months), reversed(counts), strict=True)
        ],
    }
    return render(request, "usage/active_users_of.html", context)


def _why(request: PortalRequest, scope: OrganizationScope, text: str) -> HttpResponse:
    seen = Seen.of(request, scope)
    month, organization = seen.month_or_404(text), scope.organization
    listing = Listing.of(request, sorts=SORTS, default_sort="seen")
    rows = active_rows(
        organization_id=organization.pk, month=month, search=listing.search, sort=listing.sort
    )
    page: Any = listing.page_of(rows)
    page.object_list = [(ActiveRow(*row), way_in(row[6])) for row in page.object_list]
    told = explain_active_users(organization_id=organization.pk, month=month)
    latest = told.latest
    is_over = month.ends_at(seen.zone) <= seen.now
    context = {
        "scope": scope,
        "organization": organization,
        "month": month.first_day,
        "is_running": not is_over,
        "told": told,
        "nth": ordinal(told.count),
        "latest_at": day_and_time(latest.first_seen_at, seen.zone) if latest else "",
        "latest_instant": exact_instant(latest.first_seen_at, seen.zone) if latest else "",
        "listing": listing,
        "page": page,
        "zone": seen.zone.key,
        "path": request.path,
        "months_url": seen.url("active_users_of"),
        "csv_url": seen.url("active_users_explanation_csv", month=str(month)),
        "previous": _beside(seen, month.previous),
        "next": _beside(seen, month.next) if is_over else None,
    }
    partial = request.htmx.target == "counted"
    template = "usage/_active_users_counted.html" if partial else "usage/active_users_explain.html"
    return render(request, template, context)


def _beside(seen: Seen, month: Month) -> tuple[Any, str]:
    return month.first_day, seen.url("active_users_explanation", month=str(month))


def _csv(request: PortalRequest, scope: OrganizationScope, text: str) -> HttpResponse:
    seen = Seen.of(request, scope)
    month, organization = seen.month_or_404(text), scope.organization

    def local(at: datetime | None) -> str:
        return "" if at is None else at.astimezone(seen.zone).isoformat()

    rows = (
        (
            *(organization.pk, organization.name, str(month), row.user_id, row.email, row.name),
            *(local(row.first_seen_at), local(row.reported_at), row.reported_by, row.via),
            local(row.removed_at),
        )
        for row in (
            ActiveRow(*values)
            for values in active_rows(organization_id=organization.pk, month=month)
        )
    )
    name = f"active-users-{organization.pk}-{month}.csv"
    return csv_response(filename=name, header=CSV_HEADER, rows=rows)


def _provider_scope(request: PortalRequest, organization_id: int) -> OrganizationScope:
    organization = metered_organization_or_404(organization_id=organization_id)
    return OrganizationScope.of_provider(request, organization)


@requires(Permission.VIEW_USAGE)
@require_safe
def active_users_of(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Twelve months of one organization; also of a removed one."""
    return _of(request, _provider_scope(request, organization_id))


@requires(Permission.VIEW_USAGE)
@require_safe
def active_users_explanation(
    request: PortalRequest, organization_id: int, month: str
) -> HttpResponse:
    """Who was active in a month, and first seen when."""
    return _why(request, _provider_scope(request, organization_id), month)


@requires(Permission.VIEW_USAGE)
@require_safe
def active_users_explanation_csv(
    request: PortalRequest, organization_id: int, month: str
) -> HttpResponse:
    """Everyone counted in the month, in the order in which they were first seen."""
    return _csv(request, _provider_scope(request, organization_id), month)


@own_pages
@require_safe
def own_active_users_of(request: PortalRequest) -> HttpResponse:
    """The same of the own organization."""
    return _of(request, OrganizationScope.of_own(request))


@own_pages
@require_safe
def own_active_users_explanation(request: PortalRequest, month: str) -> HttpResponse:
    """The same of the own organization."""
    return _why(request, OrganizationScope.of_own(request), month)


@own_pages
@require_safe
def own_active_users_explanation_csv(request: PortalRequest, month: str) -> HttpResponse:
    """The same of the own organization."""
    return _csv(request, OrganizationScope.of_own(request), month)
